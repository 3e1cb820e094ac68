//! Times the protection of a 172-byte packet (20 ms of G.711) and its removal for each profile.
//!
//! `cargo run --release -p offhook-rtp --example srtp_cost`
#![allow(clippy::print_stdout, reason = "the table is the program's output")]

use std::time::Instant;

use offhook_rtp::{RtpHeader, SrtpProfile, SrtpReceiver, SrtpSender};

/// A round is shorter than a time slice, so that the least of many was not interrupted.
const PACKETS: usize = 400;
const ROUNDS: usize = 1_000;
const PACKET_BYTES: usize = 172;

const PROFILES: [SrtpProfile; 6] = [
    SrtpProfile::AesCm128HmacSha1_80,
    SrtpProfile::AesCm128HmacSha1_32,
    SrtpProfile::AesCm256HmacSha1_80,
    SrtpProfile::AesCm256HmacSha1_32,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
];

fn main() {
    println!("nanoseconds per packet, least and median of {ROUNDS} rounds");
    println!("{:<22} {:>14} {:>14}", "profile", "protect", "unprotect");
    for profile in PROFILES {
        let rounds: Vec<[f64; 2]> = (0..ROUNDS).map(|_| round(profile)).collect();
        let [protect, unprotect] = [0, 1].map(|way| {
            let mut times: Vec<f64> = rounds.iter().map(|round| round[way]).collect();
            times.sort_by(f64::total_cmp);
            format!("{:.0} / {:.0}", times[0], times[ROUNDS / 2])
        });
        println!("{:<22} {protect:>14} {unprotect:>14}", format!("{profile:?}"));
    }
}

/// Mean nanoseconds per packet, each way.
fn round(profile: SrtpProfile) -> [f64; 2] {
    let key = vec![7; profile.key_bytes() + profile.salt_bytes()];
    let mut sender = SrtpSender::new(profile, &key).expect("the key has the profile's length");
    let mut receiver = SrtpReceiver::new(profile, &key).expect("the key has the profile's length");
    let mut packets = vec![[0_u8; PACKET_BYTES + 16]; PACKETS];
    for (number, packet) in packets.iter_mut().enumerate() {
        let header = RtpHeader { sequence_number: number as u16, ssrc: 1, ..RtpHeader::default() };
        header.write_packet(&[0x55; PACKET_BYTES - 12], packet).expect("the buffer has room");
    }
    let start = Instant::now();
    let mut length = 0;
    for packet in &mut packets {
        length = sender.protect_rtp(packet, PACKET_BYTES).expect("each number is new");
    }
    let protect = start.elapsed();
    let start = Instant::now();
    for packet in &mut packets {
        let bytes = receiver.unprotect_rtp(&mut packet[..length]).expect("each is authentic");
        assert_eq!(bytes, PACKET_BYTES);
    }
    let unprotect = start.elapsed();
    let each = |total: std::time::Duration| total.as_nanos() as f64 / PACKETS as f64;
    [each(protect), each(unprotect)]
}
