//! zstd with the dictionary that records are compressed with.

use std::cell::RefCell;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{CParameter, get_frame_content_size};

use crate::limits::MAX_SEGMENT;

/// Trained on the texts of packs (`daemon/examples/train_dictionary.rs`). Its bytes are part of the format: another
/// one gets another form number.
static DICTIONARY: &[u8] = include_bytes!("dictionary.bin");

/// zstd's level 3: level 1 takes 6 % more (measured), higher ones twice the time.
const LEVEL: i32 = 3;

/// What every frame of zstd begins with; left out.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

thread_local! {
    /// These cost more to make than one use of them.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Compresses; `None` when zstd will not.
pub(super) fn squeeze(text: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            let mut made = Compressor::with_prepared_dictionary(&ENCODER).ok()?;
            made.set_parameter(CParameter::DictIdFlag(false)).ok()?;
            *kept = Some(made);
        }
        let frame = kept.as_mut()?.compress(text).ok()?;
        frame.strip_prefix(&MAGIC[..]).map(<[u8]>::to_vec)
    })
}

/// Bytes that [`inflate`] will give, as the frame says.
pub(super) fn inflated(squeezed: &[u8]) -> Option<usize> {
    // A frame's head is at most 18 bytes.
    said(&framed(&squeezed[..squeezed.len().min(18)]))
}

/// Inflates; what it may yield is bounded before memory is taken.
pub(super) fn inflate(squeezed: &[u8]) -> Option<Vec<u8>> {
    let frame = framed(squeezed);
    let size = said(&frame)?;
    DECOMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Decompressor::with_prepared_dictionary(&DECODER).ok();
        }
        kept.as_mut()?.decompress(&frame, size).ok().filter(|text| text.len() == size)
    })
}

fn said(frame: &[u8]) -> Option<usize> {
    let said = get_frame_content_size(frame).ok()??;
    usize::try_from(said).ok().filter(|n| *n <= MAX_SEGMENT)
}

fn framed(squeezed: &[u8]) -> Vec<u8> {
    [&MAGIC[..], squeezed].concat()
}
