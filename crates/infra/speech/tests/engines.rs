//! Programs and servers that speak, and the embedded voice when they fail.

use offhook_audio::wav::Wav;
use offhook_audio::{Tone, ToneGenerator, goertzel};
use offhook_speech::{Config, EngineName, Program, Server, Speech, Voice};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A second of a tone as a WAV file.
fn tone_wav(hz: f64) -> Vec<u8> {
    let mut samples = vec![0; 22_050];
    ToneGenerator::new(22_050, &[Tone { hz, dbm0: -10.0 }]).fill(&mut samples);
    Wav { rate: 22_050, samples }.to_bytes().expect("a WAV")
}

fn is_tone(speech: &Speech, text: &str, hz: f64) -> bool {
    let pcm = speech.synthesize(text).expect("somebody speaks");
    goertzel::power_share(&pcm.samples, pcm.rate, hz) > 0.95
}

/// A program: the shell commands see the text on standard input.
fn program(script: &str, timeout: Duration) -> Program {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    Program::new(argv, timeout).expect("a program")
}

fn speech(voice: impl Voice + 'static) -> Speech {
    Speech::with_voice(Box::new(voice), None)
}

#[test]
fn a_program_speaks_the_text_it_is_given_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("tone.wav"), tone_wav(440.0)).expect("written");
    let script = format!("cat >> {}; echo >> {0}; cat {}", path("texts"), path("tone.wav"));
    let kept = Some(folder.path().join("kept"));
    let voice = || Box::new(program(&script, TIMEOUT));
    let speech = Speech::with_voice(voice(), kept.clone());
    for text in ["Grüße, José.", "Grüße, José.", "Two."] {
        assert!(is_tone(&speech, text, 440.0));
    }
    let again = Speech::with_voice(voice(), kept);
    assert!(is_tone(&again, "Two.", 440.0), "found on disk");
    let texts = std::fs::read_to_string(path("texts")).expect("it was run");
    assert_eq!(texts, "Grüße, José.\nTwo.\n");
}

#[test]
fn the_embedded_voice_speaks_when_a_program_fails() {
    let wav = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(wav.path(), tone_wav(440.0)).expect("written");
    let fails = format!("cat {}; exit 3", wav.path().display());
    for script in [fails.as_str(), "exit 0", "echo hello", "yes", "cat"] {
        let speech = speech(program(script, TIMEOUT));
        let pcm = speech.synthesize("Hello there.").expect("flite speaks");
        assert_eq!(pcm.rate, 16_000, "{script}");
        assert!(!is_tone(&speech, "Hello there.", 440.0), "{script}");
    }
    let missing = Program::new(vec!["/no/such/program".to_owned()], TIMEOUT).expect("an argument");
    assert_eq!(speech(missing).synthesize("Hello there.").expect("flite speaks").rate, 16_000);
    assert!(Program::new(vec![], TIMEOUT).is_none());
}

#[test]
fn a_program_that_hangs_is_killed_and_not_tried_again_at_once() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let script = format!("echo run >> {}; exec sleep 600", file.path().display());
    let speech = speech(program(&script, Duration::from_millis(300)));
    let begun = Instant::now();
    for text in ["One.", "Two.", "Three."] {
        assert_eq!(speech.synthesize(text).expect("flite speaks").rate, 16_000);
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "the program was waited for");
    let runs = std::fs::read_to_string(file.path()).expect("it was run");
    assert_eq!(runs, "run\n", "a failing engine is left alone for a while");
}

/// A server that answers each request with this, and the requests it had.
fn server(answer: Vec<u8>) -> (String, Arc<AtomicUsize>, Arc<std::sync::Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/speak", listener.local_addr().expect("an address"));
    let (count, seen) = (Arc::new(AtomicUsize::new(0)), Arc::<std::sync::Mutex<String>>::default());
    let (counted, noted) = (Arc::clone(&count), Arc::clone(&seen));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = Vec::new();
            let mut buffer = [0; 4_096];
            while !is_whole(&request) {
                let length = stream.read(&mut buffer).expect("a request");
                request.extend(&buffer[..length]);
            }
            noted.lock().expect("nobody panics").push_str(&String::from_utf8_lossy(&request));
            stream.write_all(&answer).expect("the answer is taken");
        }
    });
    (url, count, seen)
}

/// Whether the body has the length that the header says.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    request.len() >= head.len() + 4 + length.unwrap_or(0)
}

fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: audio/wav\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn a_server_speaks() {
    let (url, count, seen) = server(response("200 OK", &tone_wav(660.0)));
    let voice = Server::new(&url, Some("Bearer abc".to_owned()), TIMEOUT).expect("a URL");
    let speech = speech(voice);
    assert!(is_tone(&speech, "Grüße.", 660.0) && is_tone(&speech, "Grüße.", 660.0));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let seen = seen.lock().expect("nobody panics").to_ascii_lowercase();
    assert!(seen.starts_with("post /speak http/1.1") && seen.ends_with("\r\n\r\ngrüße."), "{seen}");
    assert!(seen.contains("authorization: bearer abc") && seen.contains("charset=utf-8"), "{seen}");
}

#[test]
fn the_embedded_voice_speaks_when_a_server_fails() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let answers = [response("500 Oops", &tone_wav(660.0)), response("200 OK", b"hello"), vec![]];
    let urls = answers.map(|answer| server(answer).0);
    let closed = "http://127.0.0.1:9/".to_owned();
    metrics::with_local_recorder(&recorder, || {
        for url in urls.into_iter().chain([closed]) {
            let speech = speech(Server::new(&url, None, TIMEOUT).expect("a URL"));
            assert_eq!(speech.synthesize("Hello there.").expect("flite speaks").rate, 16_000);
        }
    });
    let rendered = handle.render();
    assert!(rendered.contains("offhook_speech_engine_failures_total 4"), "{rendered}");
}

#[test]
fn the_configuration_names_the_engine() {
    let with = |engine, command: &[&str], url: &str| Config {
        engine,
        command: command.iter().map(|&part| part.to_owned()).collect(),
        url: url.to_owned(),
        ..Config::default()
    };
    assert_eq!(Config::default().voice().expect("flite").name(), "flite-cmu_us_slt-1");
    let program =
        with(EngineName::Command, &["espeak", "--stdout"], "").voice().expect("a program");
    assert!(program.name().starts_with("command espeak"));
    let server = with(EngineName::Http, &[], "https://speech.example.org/tts").voice();
    assert_eq!(server.expect("a server").name(), "http https://speech.example.org/tts");
    for bad in [with(EngineName::Command, &[], ""), with(EngineName::Http, &[], "ftp://x")] {
        assert!(bad.voice().is_err());
    }
}

#[test]
fn a_missing_folder_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep: PathBuf = folder.path().join("a/b");
    Speech::with_voice(Box::new(offhook_speech::Flite), Some(deep.clone()));
    assert!(deep.is_dir());
}
