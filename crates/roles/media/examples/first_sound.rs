//! How long it takes until a long text sounds: the first sentence is heard while the rest is being made.
//!
//! Run with `cargo run --release -p offhook-media --example first_sound`. It speaks the text with flite as
//! the threads that fetch sounds do, piece by piece, and without any cache.

use offhook_speech::{Engine, Speech};
use std::time::Instant;

const SENTENCE: &str = "Thank you for calling, all of our agents are busy at the moment.";
const SENTENCES: usize = 40;

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() {
    let begun = Instant::now();
    let speech = Speech::new(Engine::Flite, None);
    speech.synthesize("Ready.").expect("flite speaks");
    println!("first word after the start of the process: {} ms", begun.elapsed().as_millis());
    let (begun, mut first) = (Instant::now(), None);
    let mut seconds = 0.0;
    for number in 0..SENTENCES {
        let text = format!("{SENTENCE} Line {number}.");
        let pcm = speech.synthesize(&text).expect("flite speaks");
        first.get_or_insert_with(|| begun.elapsed());
        seconds += pcm.samples.len() as f64 / f64::from(pcm.rate);
    }
    let first = first.expect("there are sentences").as_millis();
    println!(
        "{seconds:.0} s of speech: the first sentence after {first} ms, all after {} ms",
        begun.elapsed().as_millis()
    );
}
