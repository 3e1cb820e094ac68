//! What a message must say to be processed (RFC 3261 sections 8.1.1, 8.2.2,
//! 16.3 and 20).

use super::{Defect, HeaderName, Message, Method, VIAS_MAX};
use crate::headers::HeaderError;

/// Headers with addresses that proxies and user agents act on.
const ADDRESS_LISTS: [HeaderName; 3] =
    [HeaderName::Route, HeaderName::RecordRoute, HeaderName::Path];

impl Message {
    /// Checks what every element relies on: the mandatory headers, headers that
    /// may stand once, the grammar and range of those that routing and dialogs
    /// need, and that CSeq names the request's method. Headers that only some
    /// elements read are theirs to check.
    ///
    /// # Errors
    /// The first defect found; its text is the reason phrase of the answer.
    pub fn validate(&self) -> Result<(), Defect> {
        self.check_single_headers()?;
        self.check_vias()?;
        self.from()?.uri().map_err(|_| Defect::Malformed(HeaderName::From))?;
        self.to()?.uri().map_err(|_| Defect::Malformed(HeaderName::To))?;
        self.call_id()?;
        let cseq = self.cseq()?;
        self.max_forwards()?;
        self.content_length()?;
        self.content_type()?;
        self.check_addresses()?;
        match self.method() {
            Some(method) if *method != cseq.method => Err(Defect::CSeqMethod),
            Some(method) => self.check_request(method),
            None => Ok(()),
        }
    }

    fn check_request(&self, method: &Method) -> Result<(), Defect> {
        let uri = self.request_uri().map_err(|_| Defect::RequestUri)?;
        if uri.header_text().is_some() || uri.param("method").is_some() {
            return Err(Defect::RequestUri);
        }
        match method {
            Method::Register => self.check_star(),
            Method::Prack if self.rack()?.is_none() => Err(Defect::Missing(HeaderName::RAck)),
            Method::Refer if self.refer_to()?.is_none() => {
                Err(Defect::Missing(HeaderName::ReferTo))
            }
            Method::Subscribe | Method::Notify if self.event()?.is_none() => {
                Err(Defect::Missing(HeaderName::Event))
            }
            _ => Ok(()),
        }
    }

    /// `Contact: *` stands alone and with Expires: 0 (section 10.3).
    fn check_star(&self) -> Result<(), Defect> {
        let is_star = |value: Result<crate::headers::ContactValue<'_>, HeaderError>| {
            value.is_ok_and(|value| value.address().is_none())
        };
        let has_star = self.contacts().any(is_star);
        if has_star && (self.contacts().count() > 1 || self.expires_s()? != Some(0)) {
            return Err(Defect::Malformed(HeaderName::Contact));
        }
        Ok(())
    }

    fn check_single_headers(&self) -> Result<(), Defect> {
        let mut seen = 0_u128;
        for entry in self.headers.iter().filter(|entry| entry.name.is_single()) {
            let bit = 1 << entry.name as u8;
            if seen & bit != 0 {
                return Err(Defect::Duplicate(entry.name));
            }
            seen |= bit;
        }
        Ok(())
    }

    fn check_vias(&self) -> Result<(), Defect> {
        let mut count = 0;
        for via in self.vias() {
            via?;
            count += 1;
            if count > VIAS_MAX {
                return Err(Defect::TooManyVias);
            }
        }
        match count {
            0 => Err(Defect::Missing(HeaderName::Via)),
            _ => Ok(()),
        }
    }

    fn check_addresses(&self) -> Result<(), Defect> {
        for name in ADDRESS_LISTS {
            for address in self.addresses(name) {
                address?;
            }
        }
        for contact in self.contacts() {
            contact?;
        }
        Ok(())
    }
}
