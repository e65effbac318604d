//! Pictures: measured before they are unpacked, decoded to the end, kept without what is not seen.

use super::{Clean, gif, jpeg, png, webp};
use bytes::Bytes;
use domain::files::FileKind;
use domain::files::stored_file::FileRefusal;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPDecoder;
use image::{
    AnimationDecoder, ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, ImageResult, Limits,
};
use std::io::Cursor;

/// The longest side. Also keeps two letters from being the width of a GIF, by which scripts hide in one.
const MAX_SIDE: u32 = 10_000;
/// Pixels of one picture.
const MAX_PIXELS: u64 = 40_000_000;
/// Pixels of all pictures of an animation together.
const MAX_ANIMATED_PIXELS: u64 = 200_000_000;
/// Pictures of an animation.
const MAX_FRAMES: usize = 500;
/// What a decoder may take in memory.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;
const QUALITY: u8 = 90;
const THUMBNAIL_SIDE: u32 = 320;
const THUMBNAIL_QUALITY: u8 = 80;

pub(super) fn check(kind: FileKind, bytes: &Bytes) -> Result<Clean, FileRefusal> {
    // From here on without what only costs: texts, profiles, previews, all of which may be packed.
    let (format, bare, frames) = match kind {
        FileKind::Png => (ImageFormat::Png, png::bare(bytes)?, 1),
        FileKind::Jpeg => (ImageFormat::Jpeg, jpeg::checked(bytes)?, 1),
        FileKind::Gif => {
            let (bare, frames) = gif::bare(bytes)?;
            (ImageFormat::Gif, bare, frames)
        }
        FileKind::Webp => {
            let (bare, frames) = webp::bare(bytes)?;
            (ImageFormat::WebP, bare, frames)
        }
        FileKind::Pdf | FileKind::Text => return Err(FileRefusal::KindNotTaken),
    };
    let measures =
        ImageReader::with_format(Cursor::new(&bare), format).into_dimensions().map_err(|error| why(&error))?;
    within(measures, frames)?;
    let mut picture = decode(&bare, format).map_err(|error| why(&error))?;
    if frames > 1 {
        all_frames(&bare, kind).map_err(|error| why(&error))?;
    }
    let kept = match kind {
        FileKind::Png => written(&picture, FileKind::Png, QUALITY)?,
        FileKind::Jpeg => written(&picture, FileKind::Jpeg, QUALITY)?,
        FileKind::Gif | FileKind::Webp | FileKind::Pdf | FileKind::Text => Bytes::from(bare),
    };
    let measures = (picture.width(), picture.height());
    if measures.0 > THUMBNAIL_SIDE || measures.1 > THUMBNAIL_SIDE {
        picture = picture.thumbnail(THUMBNAIL_SIDE, THUMBNAIL_SIDE);
    }
    let small = if picture.color().has_alpha() { FileKind::Png } else { FileKind::Jpeg };
    let thumbnail = written(&picture, small, THUMBNAIL_QUALITY)?;
    Ok(Clean { kind, kept, measures: Some(measures), thumbnail: Some((small, thumbnail)) })
}

fn within((width, height): (u32, u32), frames: usize) -> Result<(), FileRefusal> {
    let pixels = u64::from(width) * u64::from(height);
    let all = pixels.saturating_mul(u64::try_from(frames).unwrap_or(u64::MAX));
    if width == 0 || height == 0 {
        return Err(FileRefusal::Damaged);
    }
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS || frames > MAX_FRAMES || all > MAX_ANIMATED_PIXELS
    {
        return Err(FileRefusal::TooLarge);
    }
    Ok(())
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_MEMORY);
    limits
}

/// The picture the right way up, or the first one of an animation.
fn decode(bytes: &[u8], format: ImageFormat) -> ImageResult<DynamicImage> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Decodes every picture of an animation, and keeps none.
fn all_frames(bytes: &[u8], kind: FileKind) -> ImageResult<()> {
    if kind == FileKind::Gif {
        let mut decoder = GifDecoder::new(Cursor::new(bytes))?;
        decoder.set_limits(limits())?;
        decoder.into_frames().try_for_each(|frame| frame.map(drop))
    } else {
        WebPDecoder::new(Cursor::new(bytes))?.into_frames().try_for_each(|frame| frame.map(drop))
    }
}

fn written(picture: &DynamicImage, kind: FileKind, quality: u8) -> Result<Bytes, FileRefusal> {
    let mut bytes = Cursor::new(Vec::new());
    let done = if kind == FileKind::Jpeg {
        let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
        match picture.color() {
            ColorType::L8 => picture.write_with_encoder(encoder),
            _ => DynamicImage::from(picture.to_rgb8()).write_with_encoder(encoder),
        }
    } else {
        picture.write_to(&mut bytes, ImageFormat::Png)
    };
    done.map_err(|error| why(&error))?;
    Ok(Bytes::from(bytes.into_inner()))
}

fn why(error: &ImageError) -> FileRefusal {
    match error {
        ImageError::Limits(_) => FileRefusal::TooLarge,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => FileRefusal::Damaged,
    }
}
