use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who holds how many connections.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    taken: Arc<Mutex<Taken>>,
    max: usize,
    per_address_max: usize,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    address: IpAddr,
}

impl Places {
    pub fn new(max: usize, per_address_max: usize) -> Self {
        Self { taken: Arc::default(), max, per_address_max }
    }

    /// A place for a connection, or why there is none.
    pub fn take(&self, address: IpAddr) -> Result<Place, &'static str> {
        let address = network(address);
        let mut taken = lock(&self.taken);
        if taken.all >= self.max {
            return Err("connections");
        }
        let mine = taken.by_address.get(&address).copied().unwrap_or_default();
        if mine >= self.per_address_max {
            return Err("connections_per_address");
        }
        taken.by_address.insert(address, mine + 1);
        taken.all += 1;
        Ok(Place { taken: Arc::clone(&self.taken), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all = taken.all.saturating_sub(1);
        let left = taken.by_address.get(&self.address).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            taken.by_address.remove(&self.address);
        } else {
            taken.by_address.insert(self.address, left);
        }
    }
}

/// One customer's part of IPv6 is a /64 at least.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A panic while the table was held cannot leave it half changed in a way that matters.
fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_given_back() {
        let places = Places::new(3, 2);
        let [a, b] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let first = places.take(a).unwrap();
        let _second = places.take(a).unwrap();
        assert_eq!(places.take(a).unwrap_err(), "connections_per_address");
        let _third = places.take(b).unwrap();
        assert_eq!(places.take(b).unwrap_err(), "connections");
        drop(first);
        assert!(places.take(a).is_ok());
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let places = Places::new(10, 1);
        let _one = places.take("2001:db8:0:1::1".parse().unwrap()).unwrap();
        assert!(places.take("2001:db8:0:1:ffff::2".parse().unwrap()).is_err());
        assert!(places.take("2001:db8:0:2::1".parse().unwrap()).is_ok());
    }
}
