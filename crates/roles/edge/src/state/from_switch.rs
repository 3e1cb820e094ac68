//! What the switch sends: along the flow that its topmost Route or Via names.

use super::from_device::{FLOW_PARAM, begins_dialog, hops_left};
use super::reply::{Reply, count_response, refused};
use super::route;
use super::{Output, State, way};
use offhook_bus::SipMessage;
use offhook_net::Flow;
use offhook_sip::{Editor, HeaderName, Message, Method, StatusCode};

impl State {
    /// Sends a response back along the flow that its request came by.
    pub(super) fn take_switch_response(&mut self, response: &Message) {
        self.calls.hear_response(response);
        let token = response.via_top().ok().and_then(|via| via.params().get(FLOW_PARAM));
        let Some(flow) = token.and_then(|token| self.signer.flow(token)) else {
            return refused("switch_route");
        };
        let popped = Editor::new(response).remove_top(HeaderName::Via).finish();
        if self.respond(&flow, &popped)
            && let Some(status) = response.status()
        {
            count_response(status);
        }
    }

    /// Sends a request along the flow that its topmost Route names.
    pub(super) fn take_switch_request(&mut self, request: &Message) {
        self.calls.hear_request(request);
        let directory = self.shared.directory();
        let named = route::flow_of_top(request, &self.names, &self.signer, &directory);
        let Some(named) = named else {
            refused("switch_route");
            return self.reply_to_switch(request, &Reply::new(StatusCode::NOT_FOUND));
        };
        let flow = self.heard_on(named, request);
        let Some(branch) = self.signer.branch(request, None) else {
            return refused("switch_malformed");
        };
        let mut editor = Editor::new(request);
        editor.remove_top(HeaderName::Route);
        if begins_dialog(request) {
            let token = self.signer.token(&flow);
            editor.prepend(HeaderName::RecordRoute, self.names.route(&token, flow.transport));
        }
        editor.set(HeaderName::MaxForwards, hops_left(request));
        let (transport, sent_by) = (flow.transport.via_token(), self.names.sent_by(flow.transport));
        editor.prepend(
            HeaderName::Via,
            format_args!("SIP/2.0/{transport} {sent_by};branch={branch};rport"),
        );
        let fallback = request.request_uri().ok().and_then(|uri| route::connectable(&uri, &flow));
        let bytes = editor.finish().to_bytes();
        self.outputs.push_back(Output::ToDevice { flow, bytes, fallback });
    }

    /// Where the device of a dialog was heard last; what begins something new goes to the flow that it names,
    /// since that is of a binding.
    fn heard_on(&mut self, named: Flow, request: &Message) -> Flow {
        let moved = request.to_tag().and_then(|_| self.moved.get_mut(&way(&named)));
        moved.map_or(named, |heard_on| *heard_on)
    }

    /// Tells the switch that its request went nowhere; our Via is still on it.
    pub(super) fn take_unsent(&mut self, message: &Message) {
        if message.is_request() && self.signer.is_branch_of_ours(message) {
            let request = Editor::new(message).remove_top(HeaderName::Via).finish();
            self.reply_to_switch(&request, &Reply::new(StatusCode::FLOW_FAILED));
        }
    }

    fn reply_to_switch(&mut self, request: &Message, reply: &Reply) {
        if request.method() == Some(&Method::Ack) {
            return;
        }
        let tag = self.signer.tag(request);
        match reply.build(request, &tag) {
            Some(response) => {
                let bytes = response.to_bytes();
                self.outputs.push_back(Output::ToSwitch(SipMessage { bytes, reliable: true }));
            }
            None => refused("switch_malformed"),
        }
    }
}
