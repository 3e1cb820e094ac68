//! SRTP contexts that are made again from what was noted of them.

use offhook_rtp::{
    PROTECTION_BYTES_MAX, PassedOn, RESTORED_PACKETS_MAX, RtpHeader, SentSince, SrtpError,
    SrtpProfile, SrtpReceiver, SrtpSender, SrtpState, SrtpStreamState,
};

const PROFILES: [SrtpProfile; 2] = [SrtpProfile::AesCm128HmacSha1_80, SrtpProfile::AeadAes256Gcm];
const SSRC: u32 = 7;

fn key(profile: SrtpProfile) -> Vec<u8> {
    (0..profile.key_bytes() + profile.salt_bytes()).map(|i| (i * 29 + 5) as u8).collect()
}

fn pair(profile: SrtpProfile) -> (SrtpSender, SrtpReceiver) {
    let key = key(profile);
    let sender = SrtpSender::new(profile, &key).expect("the key fits");
    (sender, SrtpReceiver::new(profile, &key).expect("the key fits"))
}

/// The same contexts as another process would make them, after so many packets that nobody noted.
fn again(
    profile: SrtpProfile,
    (sender, receiver): (&SrtpSender, &SrtpReceiver),
    packets_since: u32,
) -> (SrtpSender, SrtpReceiver) {
    let key = key(profile);
    let since = sent_since(packets_since);
    let sender = SrtpSender::restore(profile, &key, &sender.state(), &since);
    let receiver = SrtpReceiver::restore(profile, &key, &receiver.state());
    (sender.expect("the key fits"), receiver.expect("the key fits"))
}

fn sent_since(count: u32) -> SentSince<'static> {
    SentSince { packets: count, reports: count, passed_on: PassedOn::Nothing }
}

fn protect(sender: &mut SrtpSender, sequence_number: u16) -> Result<Vec<u8>, SrtpError> {
    protect_of(sender, SSRC, sequence_number)
}

fn protect_of(
    sender: &mut SrtpSender,
    ssrc: u32,
    sequence_number: u16,
) -> Result<Vec<u8>, SrtpError> {
    let header = RtpHeader { sequence_number, ssrc, payload_type: 8, timestamp: 0, marker: false };
    let mut packet = vec![0; 172 + PROTECTION_BYTES_MAX];
    header.write_packet(&[0x5A; 160], &mut packet).expect("room");
    let length = sender.protect_rtp(&mut packet, 172)?;
    packet.truncate(length);
    Ok(packet)
}

fn unprotect(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<usize, SrtpError> {
    receiver.unprotect_rtp(&mut packet.to_vec())
}

/// Sends this many packets, with a report now and then.
fn talk(sender: &mut SrtpSender, receiver: &mut SrtpReceiver, from: u32, count: u32) {
    for number in from..from + count {
        let packet = protect(sender, number as u16).expect("protected");
        assert_eq!(unprotect(receiver, &packet), Ok(172), "packet {number}");
        if number % 1_000 == 0 {
            report(sender, receiver).expect("a report passes");
        }
    }
}

fn report(sender: &mut SrtpSender, receiver: &mut SrtpReceiver) -> Result<(), SrtpError> {
    let mut packet = [0; 8 + PROTECTION_BYTES_MAX];
    packet[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, SSRC as u8]);
    let length = sender.protect_rtcp(&mut packet, 8)?;
    receiver.unprotect_rtcp(&mut packet[..length]).map(|_| ())
}

#[test]
fn both_go_on_after_the_rollover_counter_has_grown() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        talk(&mut sender, &mut receiver, 60_000, 10_000);
        let (mut sender, mut receiver) = again(profile, (&sender, &receiver), 0);
        talk(&mut sender, &mut receiver, 70_000, 2_000);
        report(&mut sender, &mut receiver).expect("a report passes");
    }
}

#[test]
fn a_receiver_understands_what_comes_half_a_cycle_later() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        talk(&mut sender, &mut receiver, 40_000, 1);
        let (_, mut noted) = again(profile, (&sender, &receiver), 0);
        talk(&mut sender, &mut receiver, 40_001, RESTORED_PACKETS_MAX - 2);
        let next = 40_000 + RESTORED_PACKETS_MAX - 1;
        let packet = protect(&mut sender, next as u16).expect("protected");
        assert_eq!(unprotect(&mut noted, &packet), Ok(172));
    }
}

#[test]
fn a_receiver_does_not_take_again_what_it_had() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packet = protect(&mut sender, 5).expect("protected");
        assert_eq!(unprotect(&mut receiver, &packet), Ok(172));
        let (_, mut receiver) = again(profile, (&sender, &receiver), 0);
        assert_eq!(unprotect(&mut receiver, &packet), Err(SrtpError::Replayed));
    }
}

#[test]
fn a_sender_uses_no_number_that_may_have_been_used() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        talk(&mut sender, &mut receiver, 100, 10);
        let (mut restored, _) = again(profile, (&sender, &receiver), 500);
        let last = 109;
        for used in [100, last, last + 1, last + 500] {
            assert_eq!(protect(&mut restored, used), Err(SrtpError::Replayed), "{used}");
        }
        let packet = protect(&mut restored, last + 501).expect("beyond them");
        assert_eq!(unprotect(&mut receiver, &packet), Ok(172));
    }
}

#[test]
fn reports_of_a_restored_sender_have_numbers_of_their_own() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        // First from a state in which nothing was sent yet, then from one with a report.
        for _ in 0..2 {
            let (mut restored, _) = again(profile, (&sender, &receiver), 100);
            for _ in 0..100 {
                report(&mut sender, &mut receiver).expect("one that nobody noted");
            }
            report(&mut restored, &mut receiver).expect("another number");
            sender = restored;
        }
        // A state that was noted after a restart does not forget what the process before may have sent.
        let (fresh, mut receiver) = pair(profile);
        let (mut first, _) = again(profile, (&fresh, &receiver), 100);
        let (mut second, _) = again(profile, (&first, &receiver), 100);
        report(&mut first, &mut receiver).expect("the first");
        report(&mut second, &mut receiver).expect("another number");
    }
}

#[test]
fn a_state_that_somebody_has_made_up_is_harmless() {
    let profile = SrtpProfile::AeadAes256Gcm;
    let stream =
        SrtpStreamState { ssrc: SSRC, rtp_index: Some(u64::MAX), next_rtcp_index: u32::MAX };
    let state = SrtpState { streams: vec![stream; 300], first_rtcp_index: u32::MAX };
    let mut sender = SrtpSender::restore(profile, &key(profile), &state, &sent_since(u32::MAX))
        .expect("the key fits");
    assert!(protect(&mut sender, 1).is_err());
    let mut receiver = SrtpReceiver::restore(profile, &key(profile), &state).expect("the key fits");
    assert_eq!(report(&mut sender, &mut receiver), Err(SrtpError::KeyExhausted));
}

/// Sources whose packets keep their numbers: what was noted of them is all that is known.
#[test]
fn a_source_that_is_passed_on_goes_on_behind_what_was_noted_of_it() {
    for profile in PROFILES {
        let (mut sender, _) = pair(profile);
        for (ssrc, number) in [(SSRC, 65_000), (8, 100), (9, 20)] {
            protect_of(&mut sender, ssrc, number).expect("protected");
        }
        let state = sender.state();
        // Beyond a roll-over, of a source that nobody knew, and of one that is silent.
        let indices = [(SSRC, 65_536 + 400), (10, 65_536 + 7)];
        let noted = PassedOn::Noted { own_ssrc: 9, indices: &indices, is_full: false };
        let since = SentSince { packets: 1_000, reports: 10, passed_on: noted };
        let restore =
            |since: SentSince<'_>| SrtpSender::restore(profile, &key(profile), &state, &since);
        let mut restored = restore(since).expect("the key fits");
        let refused = [(SSRC, 65_001), (SSRC, 400), (8, 100), (9, 1_020), (10, 7)];
        for (ssrc, number) in refused {
            let again = protect_of(&mut restored, ssrc, number);
            assert_eq!(again, Err(SrtpError::Replayed), "{ssrc} {number}");
        }
        for (ssrc, number) in [(SSRC, 401), (8, 101), (9, 1_021), (10, 8), (11, 5)] {
            protect_of(&mut restored, ssrc, number).expect("a number that nobody has used");
        }
        assert_eq!(restored.highest_index(SSRC), Some(65_536 + 401));
        assert_eq!(restored.highest_index(12), None);

        let full = PassedOn::Noted { own_ssrc: 9, indices: &indices, is_full: true };
        for passed_on in [full, PassedOn::Unknown { own_ssrc: 9, packets: 1_000 }] {
            let since = SentSince { passed_on, ..since };
            let mut restored = restore(since).expect("the key fits");
            let stranger = protect_of(&mut restored, 11, 5);
            assert_eq!(stranger, Err(SrtpError::TooManyStreams), "{passed_on:?}");
            let mut report = [0x80, 201, 0, 1, 0, 0, 0, 11].to_vec();
            report.resize(8 + PROTECTION_BYTES_MAX, 0);
            restored.protect_rtcp(&mut report, 8).expect("reports have numbers of ours");
            let stranger = protect_of(&mut restored, 11, 5);
            assert_eq!(stranger, Err(SrtpError::TooManyStreams), "{passed_on:?}");
        }
        let unknown = |packets| SentSince {
            packets: 10,
            passed_on: PassedOn::Unknown { own_ssrc: 9, packets },
            ..since
        };
        let mut restored = restore(unknown(1_000)).expect("the key fits");
        assert_eq!(protect_of(&mut restored, 8, 1_100), Err(SrtpError::Replayed));
        protect_of(&mut restored, 8, 1_101).expect("beyond what may have been sent");
        assert_eq!(protect_of(&mut restored, 9, 30), Err(SrtpError::Replayed));
        protect_of(&mut restored, 9, 31).expect("our own");

        let mut restored = restore(unknown(u32::MAX)).expect("the key fits");
        for number in (0..=u16::MAX).step_by(100) {
            protect_of(&mut restored, 8, number).expect_err("it may have been used");
        }
        protect_of(&mut restored, 9, 31).expect("our own");
    }
}
