//! What is told of a call, and of all of them.

use super::call::{Call, Media, Party};
use super::subscription::Subscription;
use super::work::{Refusal, Then, refuse};
use super::{Door, RequestId};
use offhook_model::{LegId, LegMeasure};
use offhook_ng::{Command, Dictionary, Reply, Request, Value};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

impl Door {
    pub(super) fn query(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: &Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let tag = request.from_tag.clone().or_else(|| request.to_tag.clone());
        let tag = tag.filter(|tag| !tag.is_empty());
        let call = self.calls.get(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        let is_known =
            |tag: &str| call.party_with_tag(tag).is_some() || call.subscription(tag).is_some();
        if tag.as_deref().is_some_and(|tag| !is_known(tag)) {
            return Err(refuse("Call-ID not found or tags didn't match"));
        }
        self.measure(call_id, id, Then::Query { tag }, now);
        Ok(())
    }

    pub(super) fn report(
        &self,
        call_id: &str,
        measures: &HashMap<LegId, LegMeasure>,
        tag: Option<&str>,
        warning: Option<&'static str>,
    ) -> Reply {
        let Some(call) = self.calls.get(call_id) else { return Reply::error("Unknown call-id") };
        let mut keys = Dictionary::new();
        if let Some(warning) = warning {
            keys = keys.text("warning", warning);
        }
        let now_s = call.last_signal_s;
        let parties = call.parties.iter().filter(|party| match tag {
            Some(tag) => party.has_tag(tag),
            None => party.leg.is_some() || !party.tags.is_empty(),
        });
        let mut tags = Dictionary::new();
        for party in parties {
            tags.push(party.tag(), party_report(call, party, measures, now_s));
        }
        let feeds = call.subscriptions.iter();
        for subscription in feeds.filter(|known| tag.is_none_or(|tag| known.tag == tag)) {
            tags.push(&subscription.tag, subscription_report(call, subscription, measures, now_s));
        }
        let keys = keys
            .number("created", call.created.as_secs())
            .number("created_us", call.created.subsec_micros())
            .number("last signal", call.last_signal_s)
            .with("tags", tags.into())
            .with("SSRC", sources(measures))
            .with("totals", totals(measures));
        Reply::ok(keys)
    }

    pub(super) fn statistics(&self, now: Instant) -> Reply {
        let uptime = now.saturating_duration_since(self.settings.start).as_secs();
        let current = Dictionary::new()
            .number("sessionsown", self.calls.len())
            .number("sessionsforeign", 0)
            .number("sessionstotal", self.calls.len());
        let totals = self.totals;
        let total = Dictionary::new()
            .number("uptime", uptime)
            .number("managedsessions", totals.calls.saturating_sub(self.calls.len() as u64))
            .number("rejectedsessions", totals.refused)
            .number("timeoutsessions", totals.timed_out)
            .number("relayedpackets", totals.packets)
            .number("relayedbytes", totals.octets)
            .number("relayedpacketerrors", totals.errors);
        let mut commands = Dictionary::new();
        let mut counts: Vec<(&Command, &u64)> = self.requests.iter().collect();
        counts.sort_by_key(|(command, _)| command.as_str());
        for (command, count) in counts {
            commands.push(&format!("total{}count", command.as_str()), Value::integer(*count));
        }
        commands.push("totalerrorcount", Value::integer(self.errors));
        let statistics = Dictionary::new()
            .with("currentstatistics", current.into())
            .with("totalstatistics", total.into())
            .with("controlstatistics", commands.into());
        Reply::ok(Dictionary::new().with("statistics", statistics.into()))
    }
}

fn party_report(
    call: &Call,
    party: &Party,
    measures: &HashMap<LegId, LegMeasure>,
    now_s: u64,
) -> Value<'static> {
    let mut keys = Dictionary::new().text("tag", party.tag()).number("created", party.created_s);
    if let Some(branch) = &party.via_branch {
        keys = keys.text("via-branch", branch);
    }
    if let Some(label) = &party.label {
        keys = keys.text("label", label);
    }
    let partner = party.partner.map(|partner| call.parties[partner].tag());
    let dialogue = partner.map(|tag| relation(tag, "offer/answer"));
    if let (Some(tag), Some(relation)) = (partner, &dialogue) {
        keys = keys
            .text("in dialogue with", tag)
            .with("subscriptions", Value::List(vec![relation.clone()]));
    }
    let hears = |known: &&Subscription| {
        known.feeds.iter().any(|feed| call.parties[feed.source].leg == party.leg)
    };
    let listeners = call.subscriptions.iter().filter(hears);
    let listeners = listeners.map(|known| relation(&known.tag, "pub/sub"));
    let subscribers: Vec<_> = dialogue.into_iter().chain(listeners).collect();
    if !subscribers.is_empty() {
        keys = keys.with("subscribers", Value::List(subscribers));
    }
    let mut legs: Vec<_> = party.legs().collect();
    legs.sort_unstable();
    let medias = legs.into_iter().filter_map(|(section, leg)| {
        let speech = || Media::speech(&party.protocol);
        let media = party.media.get(&section).cloned().unwrap_or_else(speech);
        Some(media_report(section + 1, &media, measures.get(&leg)?, now_s))
    });
    keys.with("medias", Value::List(medias.collect())).into()
}

fn relation(tag: &str, kind: &'static str) -> Value<'static> {
    Dictionary::new().text("tag", tag).text("type", kind).into()
}

fn subscription_report(
    call: &Call,
    subscription: &Subscription,
    measures: &HashMap<LegId, LegMeasure>,
    now_s: u64,
) -> Value<'static> {
    let tag = subscription.tag.as_str();
    let mut keys = Dictionary::new().text("tag", tag).number("created", subscription.created_s);
    if let Some(label) = &subscription.label {
        keys = keys.text("label", label);
    }
    let heard = subscription.feeds.iter().map(|feed| &call.parties[feed.source]);
    let heard = heard.map(|party| relation(party.tag(), "pub/sub"));
    let media = Media::speech(&subscription.protocol);
    let medias = subscription.feeds.iter().enumerate().filter_map(|(place, feed)| {
        Some(media_report(place + 1, &media, measures.get(&feed.leg)?, now_s))
    });
    keys.with("subscriptions", Value::List(heard.collect()))
        .with("medias", Value::List(medias.collect()))
        .into()
}

fn media_report(index: usize, media: &Media, measure: &LegMeasure, now_s: u64) -> Value<'static> {
    let received = Dictionary::new()
        .number("packets", measure.report.packets_received)
        .number("bytes", measure.octets_received)
        .number("errors", measure.report.packets_refused);
    let sent = Dictionary::new()
        .number("packets", measure.report.packets_sent)
        .number("bytes", measure.octets_sent)
        .number("errors", 0);
    let idle_s = measure.idle_ms.map(|idle| idle / 1_000);
    let mut stream = Dictionary::new().number("local port", measure.local_port);
    if let Some(address) = measure.destination {
        stream = stream.with("endpoint", endpoint(address));
    }
    if let Some(ssrc) = measure.ssrc_received {
        stream = stream.number("SSRC", ssrc);
    }
    stream = stream
        .number("last packet", idle_s.map_or(0, |idle| now_s.saturating_sub(idle)))
        .with("flags", Value::List(vec![Value::text("RTP")]))
        .with("stats", received.into())
        .with("stats_out", sent.into());
    let mut keys = Dictionary::new()
        .number("index", index)
        .text("type", media.kind.clone())
        .text("protocol", media.protocol.clone());
    if let Some(codec) = measure.report.codec.as_ref().or(media.codec.as_ref()) {
        keys = keys.text("codec", codec.clone());
    }
    keys.with("streams", Value::List(vec![stream.into()])).into()
}

fn endpoint(address: SocketAddr) -> Value<'static> {
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    Dictionary::new()
        .text("family", family)
        .text("address", address.ip().to_string())
        .number("port", address.port())
        .into()
}

/// The quality of each source. RTPengine's MOS is ten times the score.
fn sources(measures: &HashMap<LegId, LegMeasure>) -> Value<'static> {
    let mut sources = Dictionary::new();
    for measure in measures.values() {
        let (Some(ssrc), Some(mos)) = (measure.ssrc_received, measure.report.mos) else { continue };
        let report = &measure.report;
        let expected = report.packets_received + report.packets_lost;
        let loss = (report.packets_lost * 100).checked_div(expected).unwrap_or(0);
        let average = Dictionary::new()
            .number("MOS", whole(mos * 10.0))
            .number("jitter", whole(report.jitter_ms.unwrap_or(0.0)))
            .number("packet loss", loss)
            .number("round-trip time", whole(report.round_trip_ms.unwrap_or(0.0) * 1_000.0))
            .number("samples", 1);
        let average = Dictionary::new().with("average MOS", average.into());
        sources.push(&ssrc.to_string(), average.into());
    }
    sources.into()
}

#[expect(clippy::cast_possible_truncation, reason = "scores and times are small")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

fn totals(measures: &HashMap<LegId, LegMeasure>) -> Value<'static> {
    let sum = |count: fn(&LegMeasure) -> u64| measures.values().map(count).sum::<u64>();
    let rtp = Dictionary::new()
        .number("packets", sum(|measure| measure.report.packets_received))
        .number("bytes", sum(|measure| measure.octets_received))
        .number("errors", sum(|measure| measure.report.packets_refused));
    Dictionary::new().with("RTP", rtp.into()).into()
}
