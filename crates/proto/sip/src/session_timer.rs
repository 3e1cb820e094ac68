//! Session timers (RFC 4028): both sides notice when the other is gone.
//!
//! [`SessionTimer`] says when a session must be refreshed or given up; [`answer`] and [`agreed`]
//! find the interval and who refreshes from the messages.

use std::time::{Duration, Instant};

use crate::headers::{HeaderError, Refresher, SessionExpires};
use crate::message::Message;

/// Smallest session interval that may be asked for, in seconds (RFC 4028 section 4).
pub const MIN_SE_S: u32 = 90;

/// Largest session interval that is taken, in seconds: one day. Larger ones are cut to it.
pub const SESSION_EXPIRES_S_MAX: u32 = 86_400;

/// The session ends this long before its interval is over, or a third of the interval before when
/// that is shorter (RFC 4028 section 10).
pub const EXPIRY_MARGIN: Duration = Duration::from_secs(32);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// This side must send a refresh.
    Refresh,
    /// No refresh succeeded or came; the session is over.
    Expired,
}

/// The timer of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimer {
    interval: Duration,
    refreshes_here: bool,
    refreshed_at: Instant,
    refresh_is_out: bool,
}

impl SessionTimer {
    /// A session agreed on at `now`. `refreshes_here` tells which side refreshes it.
    pub fn new(interval_s: u32, refreshes_here: bool, now: Instant) -> Self {
        let interval_s = interval_s.clamp(MIN_SE_S, SESSION_EXPIRES_S_MAX);
        Self {
            interval: Duration::from_secs(interval_s.into()),
            refreshes_here,
            refreshed_at: now,
            refresh_is_out: false,
        }
    }

    /// The interval, in seconds.
    pub fn interval_s(&self) -> u32 {
        u32::try_from(self.interval.as_secs()).unwrap_or(SESSION_EXPIRES_S_MAX)
    }

    /// True when this side refreshes.
    pub fn refreshes_here(&self) -> bool {
        self.refreshes_here
    }

    /// When `handle_timeout` is due: half the interval for the side that refreshes, the end of the
    /// session otherwise.
    pub fn poll_timeout(&self) -> Instant {
        if self.refreshes_here && !self.refresh_is_out {
            self.refreshed_at + self.interval / 2
        } else {
            self.refreshed_at + self.interval - EXPIRY_MARGIN.min(self.interval / 3)
        }
    }

    /// What is due at `now`. A refresh is asked for once.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if now < self.poll_timeout() {
            return None;
        }
        if self.refreshes_here && !self.refresh_is_out {
            self.refresh_is_out = true;
            return Some(Due::Refresh);
        }
        Some(Due::Expired)
    }
}

/// The request asks for a shorter session than is accepted: to be answered with 422 and Min-SE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("session interval below {min_se_s} s")]
pub struct IntervalTooSmall {
    /// The smallest interval that is accepted, in seconds.
    pub min_se_s: u32,
}

/// What the answering side says to a request: `offered_s` is its own wish when the request
/// has none, `min_se_s` the least it accepts (RFC 4028 section 9). `None` runs no timer.
///
/// For a side that knows no timers the answering side refreshes (table 2 there), since a peer that
/// vanishes without a BYE is noticed by nothing else.
pub fn answer(
    request: &Message,
    offered_s: Option<u32>,
    min_se_s: u32,
) -> Result<Option<SessionExpires>, IntervalTooSmall> {
    let supported = request.supports("timer");
    let least = min_se_s.max(request.min_se_s().ok().flatten().unwrap_or(0));
    match request.session_expires() {
        Ok(Some(asked)) if asked.interval_s < min_se_s && supported => {
            Err(IntervalTooSmall { min_se_s })
        }
        Ok(Some(asked)) => {
            let wish = offered_s.unwrap_or(asked.interval_s);
            let chosen = if supported { Refresher::Uac } else { Refresher::Uas };
            Ok(Some(SessionExpires {
                interval_s: asked.interval_s.min(wish.max(least)),
                refresher: Some(asked.refresher.filter(|_| supported).unwrap_or(chosen)),
            }))
        }
        Ok(None) | Err(HeaderError::Missing(_) | HeaderError::Malformed(_)) => {
            Ok(offered_s.map(|wish| SessionExpires {
                interval_s: wish.max(least),
                refresher: Some(Refresher::Uas),
            }))
        }
    }
}

/// What a 2xx has agreed on; `None` when it runs no timer (RFC 4028 section 7.2).
pub fn agreed(response: &Message) -> Option<SessionExpires> {
    response.session_expires().ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &str) -> Message {
        let text = format!("INVITE sip:b@c SIP/2.0\r\n{headers}\r\n");
        Message::parse(text.into()).expect("well-formed")
    }

    fn answered(headers: &str) -> Option<(u32, Option<Refresher>)> {
        let expires = answer(&request(headers), Some(1_800), 90).expect("large enough");
        expires.map(|expires| (expires.interval_s, expires.refresher))
    }

    #[test]
    fn refresher_asks_at_half_time_once_and_expires_before_the_end() {
        let now = Instant::now();
        let mut timer = SessionTimer::new(1_800, true, now);
        let half = now + Duration::from_secs(900);
        assert_eq!(timer.handle_timeout(half - Duration::from_millis(1)), None);
        assert_eq!(timer.handle_timeout(half), Some(Due::Refresh));
        assert_eq!(timer.handle_timeout(half), None);
        let end = now + Duration::from_secs(1_768);
        assert_eq!(timer.poll_timeout(), end);
        assert_eq!(timer.handle_timeout(end), Some(Due::Expired));
    }

    #[test]
    fn other_side_only_expires() {
        let now = Instant::now();
        let timer = SessionTimer::new(90, false, now);
        assert_eq!(timer.poll_timeout(), now + Duration::from_secs(60));
    }

    #[test]
    fn answer_follows_table_2() {
        let uac = Some(Refresher::Uac);
        let uas = Some(Refresher::Uas);
        assert_eq!(answered("Session-Expires: 600\r\n"), Some((600, uas)));
        let supported = "Supported: timer\r\n";
        let with = |expires: &str| answered(&format!("{supported}Session-Expires: {expires}\r\n"));
        assert_eq!(with("600"), Some((600, uac)));
        assert_eq!(with("600;refresher=uac"), Some((600, uac)));
        assert_eq!(with("600;refresher=uas"), Some((600, uas)));
        assert_eq!(with("7200"), Some((1_800, uac)));
        assert_eq!(answered(supported), Some((1_800, uas)));
        assert_eq!(answered(""), Some((1_800, uas)));
        let without_wish = answer(&request(supported), None, 90).expect("nothing is too small");
        assert_eq!(without_wish, None);
    }

    #[test]
    fn interval_never_falls_below_the_callers_minimum() {
        let headers = "Supported: timer\r\nMin-SE: 3600\r\nSession-Expires: 7200\r\n";
        assert_eq!(answered(headers), Some((3_600, Some(Refresher::Uac))));
    }

    #[test]
    fn too_short_a_session_is_refused() {
        let short = request("Supported: timer\r\nSession-Expires: 60\r\n");
        let refusal = Err(IntervalTooSmall { min_se_s: 90 });
        assert_eq!(answer(&short, Some(1_800), 90), refusal);
    }
}
