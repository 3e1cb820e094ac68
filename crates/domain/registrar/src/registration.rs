use offhook_model::Transport;

/// What a REGISTER asks for, after its sender was authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its Contact headers.
    pub contacts: Contacts,
    /// Its Expires header, in seconds.
    pub expires_s: Option<u32>,
    /// Its Call-ID.
    pub call_id: String,
    /// Its CSeq number.
    pub cseq: u32,
    /// The Route header value that leads to the device along the flow the REGISTER came by.
    pub route: String,
    /// The transport of that flow.
    pub transport: Transport,
    /// The address it came from, `ip:port`.
    pub source: String,
    /// Its User-Agent header, shortened.
    pub user_agent: Option<String>,
}

/// The Contact headers of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// None: the device asks what bindings there are.
    Fetch,
    /// `Contact: *`: every binding is to go.
    All,
    /// These are to be made, refreshed or removed.
    Listed(Vec<ContactWish>),
}

/// One Contact of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactWish {
    /// Its URI, without angle brackets.
    pub uri: String,
    /// Its `expires` parameter, in seconds; 0 removes the binding.
    pub expires_s: Option<u32>,
    /// Its `q` parameter in thousandths.
    pub q_thousandths: Option<u16>,
    /// Its `+sip.instance` parameter, without quotes.
    pub instance: Option<String>,
    /// Its `reg-id` parameter.
    pub reg_id: Option<u32>,
}

impl ContactWish {
    /// A contact without parameters.
    #[must_use]
    pub fn plain(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            expires_s: None,
            q_thousandths: None,
            instance: None,
            reg_id: None,
        }
    }
}

/// How many bindings there may be and how long they last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bindings of one address-of-record. A further one takes the place of the one that would end first.
    pub bindings_max: usize,
    /// The shortest registration, in seconds; a shorter wish is rejected.
    pub expires_min_s: u32,
    /// The length of a registration that names none, in seconds.
    pub expires_default_s: u32,
    /// The longest registration, in seconds; a longer wish is shortened.
    pub expires_max_s: u32,
}
