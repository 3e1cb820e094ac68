//! The notifier's side of subscriptions (RFC 6665): the dialogs that SUBSCRIBE makes, and NOTIFY within them.
//! What is told, how long a subscription lasts and who may have one is the owner's business.

use super::command::{Body, CommandError, ExtraHeaders};
use super::config::Peer;
use super::core::{HeaderSink, Purpose, check_headers};
use super::event::{Event, RequestKey, SentKey, SubscriptionHandle};
use super::{UserAgent, core::Core};
use crate::dialog::{Dialog, DialogId};
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::transaction::TransactionKey;
use std::collections::HashMap;
use std::time::Instant;

/// The most subscriptions that a user agent has at a time.
pub const SUBSCRIPTION_COUNT_MAX: usize = 65_536;

/// All subscriptions of others to something of ours.
#[derive(Debug)]
pub(super) struct Subscriptions<P> {
    by_handle: HashMap<SubscriptionHandle, Subscription<P>>,
    by_dialog: HashMap<DialogId, SubscriptionHandle>,
    last_handle: u64,
}

#[derive(Debug)]
struct Subscription<P> {
    dialog: Dialog,
    peer: P,
}

impl<P> Default for Subscriptions<P> {
    fn default() -> Self {
        Self { by_handle: HashMap::new(), by_dialog: HashMap::new(), last_handle: 0 }
    }
}

impl<P: Peer> UserAgent<P> {
    /// Accepts a SUBSCRIBE that came by [`Event::OutOfDialog`] with 200, and makes its dialog. A NOTIFY is to
    /// follow at once (RFC 6665 section 4.2.1.2). `headers` say Expires.
    ///
    /// # Errors
    /// When the request is over, or makes no dialog, or there are [`SUBSCRIPTION_COUNT_MAX`] subscriptions;
    /// then it still waits for `respond`.
    pub fn accept_subscription(
        &mut self,
        key: RequestKey,
        peer: P,
        headers: ExtraHeaders<'_>,
        now: Instant,
    ) -> Result<SubscriptionHandle, CommandError> {
        check_headers(headers.iter().copied())?;
        if self.subscriptions.by_handle.len() >= SUBSCRIPTION_COUNT_MAX {
            return Err(CommandError::Full);
        }
        let transaction = TransactionKey(key.0);
        let tag = self.core.tokens.tag();
        let waiting = self.core.waiting.get(&transaction).ok_or(CommandError::RequestOver)?;
        let dialog = Dialog::from_request(&waiting.request, &tag);
        let dialog = dialog.map_err(|_| CommandError::Invalid("SUBSCRIBE"))?;
        let response = self.core.response(&waiting.request, StatusCode::OK, None, &tag);
        let response = response.header(HeaderName::Contact, contact(&self.core)).with_all(headers);
        self.core.waiting.remove(&transaction);
        self.core.respond(transaction, &response.build(), now);
        let subscriptions = &mut self.subscriptions;
        subscriptions.last_handle += 1;
        let handle = SubscriptionHandle(subscriptions.last_handle);
        subscriptions.by_dialog.insert(dialog.id().clone(), handle);
        subscriptions.by_handle.insert(handle, Subscription { dialog, peer });
        self.drain_layer(now);
        Ok(handle)
    }

    /// Tells a subscriber something. `headers` say Event and Subscription-State. `RequestDone` follows.
    ///
    /// # Errors
    /// When there is no such subscription, or no room for the transaction.
    pub fn notify(
        &mut self,
        handle: SubscriptionHandle,
        headers: ExtraHeaders<'_>,
        body: Option<Body>,
        now: Instant,
    ) -> Result<SentKey, CommandError> {
        check_headers(headers.iter().copied())?;
        let found = self.subscriptions.by_handle.get_mut(&handle);
        let Subscription { dialog, peer } = found.ok_or(CommandError::LegEnded)?;
        let request = dialog.request(&Method::Notify, self.core.via(peer));
        let mut request = request
            .header(HeaderName::UserAgent, &self.core.config.product)
            .header(HeaderName::Contact, contact(&self.core))
            .with_all(headers);
        if let Some(body) = body {
            request = request.with_body(body);
        }
        let key = self.core.new_sent_key();
        let purpose = Purpose::Request { key, handle: None };
        let peer = peer.clone();
        self.core.send(request.build(), &peer, purpose, now)?;
        self.drain_layer(now);
        Ok(key)
    }

    /// Forgets a subscription, of which the last NOTIFY has been sent.
    pub fn forget_subscription(&mut self, handle: SubscriptionHandle) {
        if let Some(known) = self.subscriptions.by_handle.remove(&handle) {
            self.subscriptions.by_dialog.remove(known.dialog.id());
        }
    }

    /// A SUBSCRIBE within the dialog of a subscription; gives the request back when it is none.
    pub(super) fn handle_resubscribe(
        &mut self,
        key: TransactionKey,
        id: &DialogId,
        request: Message,
        now: Instant,
    ) -> Option<Message> {
        let Some(handle) = self.subscriptions.by_dialog.get(id).copied() else {
            return Some(request);
        };
        let known = self.subscriptions.by_handle.get_mut(&handle)?;
        if known.dialog.note_request(&request).is_err() {
            self.core.refuse(key, &request, StatusCode::SERVER_INTERNAL_ERROR, now);
            return None;
        }
        known.dialog.refresh_target(&request);
        let key = self.core.wait_for_owner(key, request.clone(), None);
        self.core.emit(Event::Resubscribe { handle, key, request });
        None
    }
}

fn contact<P: Peer>(core: &Core<P>) -> String {
    format!("<{}>", core.config.contact_uri)
}
