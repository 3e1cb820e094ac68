//! Which transaction a message belongs to (RFC 3261 17.1.3 and 17.2.3).

use crate::headers::{CSeq, HeaderError, Via};
use crate::message::{Message, Method};

/// Identifies a client transaction: branch and method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ClientMatch {
    branch: Box<str>,
    method: Method,
}

impl ClientMatch {
    /// Of a request that this side sends, or of a response to it. `None` without a branch.
    pub(super) fn of(via: &Via<'_>, cseq: &CSeq) -> Option<Self> {
        Some(Self { branch: via.branch()?.into(), method: cseq.method.clone() })
    }
}

/// Identifies a server transaction. ACK and CANCEL have the identity of their INVITE but for the
/// method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ServerMatch {
    identity: Identity,
    method: Method,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Identity {
    /// A branch with the magic cookie, and the sent-by in lower case.
    Branch { branch: Box<str>, sent_by: Box<str> },
    /// Elements of RFC 2543 do not make unique branches: Request-URI, From tag, Call-ID, CSeq
    /// number and the whole top Via count. The To tag is left out, so that an ACK, which carries
    /// that of the response, is found; CSeq tells the requests within a dialog apart.
    Rfc2543 {
        request_uri: Box<str>,
        from_tag: Box<str>,
        call_id: Box<str>,
        sequence: u32,
        via: Box<str>,
    },
}

impl ServerMatch {
    /// Of a request from the network.
    pub(super) fn of(request: &Message) -> Result<Self, HeaderError> {
        let via = request.via_top()?;
        let cseq = request.cseq()?;
        let identity = match via.unique_branch() {
            Some(branch) => Identity::Branch {
                branch: branch.into(),
                sent_by: via.sent_by().to_ascii_lowercase().into(),
            },
            None => rfc2543(request, &via, &cseq)?,
        };
        Ok(Self { identity, method: cseq.method })
    }

    /// The identity of the INVITE that this ACK or CANCEL belongs to.
    pub(super) fn invite(&self) -> Self {
        Self { identity: self.identity.clone(), method: Method::Invite }
    }
}

fn rfc2543(request: &Message, via: &Via<'_>, cseq: &CSeq) -> Result<Identity, HeaderError> {
    Ok(Identity::Rfc2543 {
        request_uri: request.request_uri_text().into(),
        from_tag: request.from()?.tag().unwrap_or_default().into(),
        call_id: request.call_id()?.into(),
        sequence: cseq.sequence,
        via: via.as_str().into(),
    })
}
