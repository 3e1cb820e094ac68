//! The four functions of flite that are used.
#![allow(unsafe_code)] // flite is a C library; all calls into it are in this file.

use crate::{Pcm, SpeechError};
use std::ffi::{CString, c_char, c_int, c_short};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The longest speech that is taken from the library, in samples: ten minutes.
const MAX_SAMPLES: usize = 600 * 16_000;

/// A voice, opaque (`cst_voice`).
#[repr(C)]
struct CVoice {
    _private: [u8; 0],
}

/// Speech as the library gives it (`cst_wave` of `cst_wave.h`).
#[repr(C)]
struct CWave {
    kind: *const c_char,
    sample_rate: c_int,
    num_samples: c_int,
    num_channels: c_int,
    samples: *mut c_short,
}

unsafe extern "C" {
    fn flite_init() -> c_int;
    fn register_cmu_us_slt(voice_directory: *const c_char) -> *mut CVoice;
    fn flite_text_to_wave(text: *const c_char, voice: *mut CVoice) -> *mut CWave;
    fn delete_wave(wave: *mut CWave);
}

/// The registered voice. It lives as long as the process.
struct Voice(*mut CVoice);

// SAFETY: the voice belongs to no thread; the mutex around it in `VOICE` lets one thread at a time
// use it and the library's global tables.
unsafe impl Send for Voice {}

static VOICE: OnceLock<Option<Mutex<Voice>>> = OnceLock::new();

/// Registers the voice; called once, since the library's registration is not thread-safe.
fn register() -> Option<Mutex<Voice>> {
    // SAFETY: `VOICE` runs this once. The function is documented to take no arguments and to be
    // called before any other.
    unsafe { flite_init() };
    // SAFETY: the library is initialised; a null directory selects the data compiled into it.
    let voice = unsafe { register_cmu_us_slt(std::ptr::null()) };
    (!voice.is_null()).then(|| Mutex::new(Voice(voice)))
}

/// Speaks a text that `text::speakable` let through.
pub(crate) fn speak(text: &str) -> Result<Pcm, SpeechError> {
    let text = CString::new(text).map_err(|_| SpeechError::NothingToSay)?;
    let voice = VOICE.get_or_init(register).as_ref().ok_or(SpeechError::Library)?;
    let voice = voice.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the text ends in NUL and outlives the call; the voice is registered and ours alone
    // while the lock is held.
    let wave = unsafe { flite_text_to_wave(text.as_ptr(), voice.0) };
    if wave.is_null() {
        return Err(SpeechError::Library);
    }
    // SAFETY: the library hands over a whole wave, which nobody else knows.
    let pcm = unsafe { copy(&*wave) };
    // SAFETY: the wave came from the library and is not used again.
    unsafe { delete_wave(wave) };
    pcm
}

/// Copies a mono wave.
///
/// # Safety
///
/// `wave.samples` must point to `wave.num_samples` samples, or that number must not be positive.
unsafe fn copy(wave: &CWave) -> Result<Pcm, SpeechError> {
    let count = usize::try_from(wave.num_samples).map_err(|_| SpeechError::Library)?;
    let rate = u32::try_from(wave.sample_rate).map_err(|_| SpeechError::Library)?;
    if count == 0 || count > MAX_SAMPLES || wave.num_channels != 1 || wave.samples.is_null() {
        return Err(SpeechError::Library);
    }
    // SAFETY: the caller vouches for the samples, and they were checked to be some.
    let samples = unsafe { std::slice::from_raw_parts(wave.samples, count) };
    Ok(Pcm { samples: samples.to_vec(), rate })
}
