//! The proxies that the requests of a dialog pass (RFC 3261 12.1 and 12.2.1.1).

use super::DialogError;
use crate::headers::{HeaderError, NameAddr};
use crate::message::Message;
use crate::uri::Uri;

/// Most proxies in a route set; a longer one is refused.
pub const ROUTE_COUNT_MAX: usize = 32;

/// Routes in the order in which requests pass them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteSet {
    /// Whole Route values, with brackets and parameters.
    routes: Vec<String>,
}

/// Request-URI and Route values of one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way<'a> {
    pub(super) request_uri: &'a str,
    pub(super) routes: Vec<String>,
}

impl RouteSet {
    /// Of the side that answered `request`: Record-Route as it stands.
    pub(super) fn of_request(request: &Message) -> Result<Self, DialogError> {
        let routes = collect(request.record_routes())?;
        Ok(Self { routes })
    }

    /// Of the side that got `response`: Record-Route reversed.
    pub(super) fn of_response(response: &Message) -> Result<Self, DialogError> {
        let mut routes = collect(response.record_routes())?;
        routes.reverse();
        Ok(Self { routes })
    }

    /// The values, first hop first.
    pub fn values(&self) -> &[String] {
        &self.routes
    }

    /// The URI of the first hop.
    pub fn first(&self) -> Option<&str> {
        self.routes.first().and_then(|route| uri_text(route))
    }

    /// Where a request to `target` goes. A first hop without `lr` is a strict router: it gets the
    /// request addressed to itself, with the target as last route (RFC 3261 12.2.1.1).
    pub(super) fn way_to<'a>(&'a self, target: &'a str) -> Way<'a> {
        match self.first() {
            Some(first) if !is_loose(first) => Way {
                request_uri: first,
                routes: self.routes[1..].iter().cloned().chain([format!("<{target}>")]).collect(),
            },
            Some(_) | None => Way { request_uri: target, routes: self.routes.clone() },
        }
    }
}

fn collect<'a>(
    values: impl Iterator<Item = Result<NameAddr<'a>, HeaderError>>,
) -> Result<Vec<String>, DialogError> {
    let mut routes = Vec::new();
    for value in values {
        let value = value?;
        if routes.len() == ROUTE_COUNT_MAX {
            return Err(DialogError::RouteSetTooLong);
        }
        routes.push(format!("<{}>{}", value.uri_text(), value.params().as_str()));
    }
    Ok(routes)
}

fn uri_text(route: &str) -> Option<&str> {
    Some(NameAddr::parse(route)?.uri_text())
}

fn is_loose(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|uri| uri.param("lr").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route_set(routes: &[&str]) -> RouteSet {
        RouteSet { routes: routes.iter().map(|route| (*route).to_owned()).collect() }
    }

    #[test]
    fn without_routes_the_target_is_addressed() {
        let way = RouteSet::default();
        assert_eq!(way.way_to("sip:b@pc"), Way { request_uri: "sip:b@pc", routes: Vec::new() });
    }

    #[test]
    fn strict_router_is_addressed_and_the_target_comes_last() {
        let set = route_set(&["<sip:strict>", "<sip:loose;lr>"]);
        let way = set.way_to("sip:b@pc");
        assert_eq!(way.request_uri, "sip:strict");
        assert_eq!(way.routes, ["<sip:loose;lr>", "<sip:b@pc>"]);
    }

    #[test]
    fn loose_router_leaves_the_target_in_the_request_uri() {
        let set = route_set(&["<sip:loose;lr>", "<sip:other;lr>"]);
        let way = set.way_to("sip:b@pc");
        assert_eq!(way.request_uri, "sip:b@pc");
        assert_eq!(way.routes, set.values());
    }
}
