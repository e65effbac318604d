//! Files as people hand them over, and as attackers do. Made here, byte by byte: nothing harmful is kept anywhere.

use image::codecs::gif::{GifEncoder, Repeat};
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use std::io::Cursor;

/// A file with a name.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What is special about it.
    pub about: &'static str,
    /// What it is called.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

fn sample(about: &'static str, name: &str, bytes: impl Into<Vec<u8>>) -> Sample {
    Sample { about, name: name.to_owned(), bytes: bytes.into() }
}

/// A place, as cameras note it: must not be found in anything that is kept.
pub const GPS_CANARY: &[u8] = b"48.8584 N 2.2945 E";

fn colours(width: u32, height: u32) -> RgbImage {
    let shade = |at: u32| (at % 256).to_le_bytes()[0];
    RgbImage::from_fn(width, height, |x, y| Rgb([shade(x * 7), shade(y * 5), 90]))
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("an image can be written");
    bytes.into_inner()
}

/// A picture.
pub fn png() -> Vec<u8> {
    written(&colours(40, 30).into(), ImageFormat::Png)
}

/// A picture.
pub fn jpeg() -> Vec<u8> {
    written(&colours(40, 30).into(), ImageFormat::Jpeg)
}

fn webp() -> Vec<u8> {
    written(&DynamicImage::from(colours(40, 30)), ImageFormat::WebP)
}

fn gif(frames: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    encoder.set_repeat(Repeat::Infinite).expect("a GIF repeats");
    for frame in 0..frames {
        let shade = frame.to_le_bytes()[0];
        let picture = RgbaImage::from_pixel(4, 4, Rgba([shade, 255 - shade, 9, 255]));
        encoder.encode_frame(Frame::new(picture)).expect("a frame can be written");
    }
    drop(encoder);
    bytes
}

/// Puts a chunk of PNG behind the first one.
fn with_chunk(png: &[u8], name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = u32::try_from(data.len()).expect("short").to_be_bytes().to_vec();
    chunk.extend_from_slice(&name);
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(&crc32(&chunk[4..]).to_be_bytes());
    [&png[..33], &chunk, &png[33..]].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A PNG that says how large it is and holds next to nothing.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut png = png();
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

/// Puts a segment of JPEG behind the first two bytes.
fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).expect("short").to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, data, &jpeg[2..]].concat()
}

/// A photo as phones take them: turned, and with the place where it was taken.
pub fn photo_with_place() -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(GPS_CANARY);
    with_segment(&jpeg(), 0xe1, &exif)
}

/// A PDF over these objects.
fn pdf(objects: &[&[u8]]) -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(pdf.len());
        pdf.extend_from_slice(format!("{} 0 obj\n", at + 1).as_bytes());
        pdf.extend_from_slice(object);
        pdf.extend_from_slice(b"\nendobj\n");
    }
    let begin = pdf.len();
    pdf.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        pdf.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let trailer = format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{begin}\n%%EOF\n", objects.len() + 1);
    pdf.extend_from_slice(trailer.as_bytes());
    pdf
}

const PAGES: &[u8] = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>";
const PAGE: &[u8] = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R >>";

fn stream(more: &str, packed: &[u8]) -> Vec<u8> {
    let head = format!("<< /Length {} {more} >>\nstream\n", packed.len());
    [head.as_bytes(), packed, b"\nendstream"].concat()
}

fn pdf_with(catalog: &str, more: &[u8]) -> Vec<u8> {
    let catalog = format!("<< /Type /Catalog /Pages 2 0 R {catalog} >>");
    let text = compress_to_vec_zlib(b"BT /F1 12 Tf 20 100 Td (Facture) Tj ET", 6);
    let contents = stream("/Filter /FlateDecode", &text);
    pdf(&[catalog.as_bytes(), PAGES, PAGE, &contents, more])
}

/// A document.
pub fn plain_pdf() -> Vec<u8> {
    pdf_with("", b"<< /Producer (test) >>")
}

/// A ZIP with one file, not packed.
fn zip(name: &str, data: &[u8]) -> Vec<u8> {
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).expect("short").to_le_bytes();
    let name_length = u16::try_from(name.len()).expect("short").to_le_bytes();
    let crc = crc32(data).to_le_bytes();
    let facts = [&crc[..], &size(data), &size(data), &name_length].concat();
    let local = [b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0", &facts[..], &[0, 0], name.as_bytes(), data].concat();
    let entry = [b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0", &facts[..], &[0; 16][..], name.as_bytes()].concat();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &size(&entry)[..], &size(&local), &[0, 0]].concat();
    [local, entry, end].concat()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("short").to_le_bytes();
    [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &compress_to_vec(data, 6), &crc32(data).to_le_bytes(), &length].concat()
}

/// What virus scanners agree to find, put together here so that none finds this source.
fn eicar() -> Vec<u8> {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
}

/// Files that must be taken.
pub fn good() -> Vec<Sample> {
    let alpha = DynamicImage::from(RgbaImage::from_pixel(20, 20, Rgba([1, 2, 3, 128])));
    let grey = DynamicImage::from(colours(30, 30)).to_luma8();
    let text = with_chunk(&png(), *b"tEXt", b"Comment\0made by a test");
    let preview = [jpeg(), jpeg()].concat();
    let objects = compress_to_vec_zlib(b"5 0 << /Type /Annot /Subtype /Link >>", 6);
    let packed = stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &objects);
    vec![
        sample("a picture", "screen shot.png", png()),
        sample("a picture that can be seen through", "logo.png", written(&alpha, ImageFormat::Png)),
        sample("a picture with a comment", "commented.PNG", text),
        sample(
            "a deep picture",
            "deep.png",
            written(&DynamicImage::from(colours(9, 9)).to_rgb16().into(), ImageFormat::Png),
        ),
        sample("a photo", "photo.jpg", jpeg()),
        sample("a grey photo", "grey.jpeg", written(&grey.into(), ImageFormat::Jpeg)),
        sample("a photo with its place", "IMG_0001.JPG", photo_with_place()),
        sample("a photo with a second picture behind it", "MVIMG.jpg", preview),
        sample("a picture", "picture.webp", webp()),
        sample("a picture", "dot.gif", gif(1)),
        sample("an animation", "moving.gif", gif(12)),
        sample("a document", "Facture n° 12.pdf", plain_pdf()),
        sample("a document with packed objects", "packed.pdf", pdf_with("", &packed)),
        sample("a text", "journal.txt", "Été 2026\r\n\tl'imprimante fait « <b>clac</b> » puis 50 % de rien.\n"),
        sample("a text that begins like a picture", "server.log", "BM 12:00:01 GET /index.html 200\n"),
    ]
}

/// Files that must not be taken: at least 60.
pub fn hostile() -> Vec<Sample> {
    [names(), other_kinds(), damaged(), bombs(), two_at_once(), documents(), texts()].concat()
}

fn names() -> Vec<Sample> {
    let long = format!("{}.png", "a".repeat(300));
    let names = [
        "../escape.png",
        "..\\..\\escape.png",
        "/etc/cron.d/x.png",
        "C:\\x.png",
        "a/../../b.png",
        "x.png\u{0}.exe",
        "x\u{0}.png",
        "x\u{202e}gnp.exe",
        "x\u{202e}exe.png",
        "shell.php.png",
        "run.exe.png",
        "a.js.txt",
        "a.svg",
        "a.html",
        "a.png.exe",
        "con.png",
        ".htaccess",
        ".png",
        "x\u{200b}.png",
        "x%00.png",
        "x\r\nSet-Cookie: a.png",
        "x",
        &long,
        "macro.docm",
        "a.zip",
    ];
    names.into_iter().map(|name| sample("its name", name, png())).collect()
}

fn other_kinds() -> Vec<Sample> {
    let html = "<!DOCTYPE html><html><script>alert(1)</script></html>";
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let exe = [b"MZ\x90\0\x03\0\0\0".as_slice(), &[0; 200]].concat();
    let jar = zip("META-INF/MANIFEST.MF", b"Main-Class: X");
    vec![
        sample("a Windows program", "a.png", exe.clone()),
        sample("a Windows program", "a.txt", exe),
        sample("a Linux program", "a.pdf", [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 100]].concat()),
        sample("a ZIP", "a.png", zip("x.txt", b"x")),
        sample("a ZIP", "a.pdf", zip("x.txt", b"x")),
        sample("a ZIP that climbs", "a.txt", zip("../../x", b"x")),
        sample("a JAR", "a.jpg", jar),
        sample("a Word document", "a.pdf", zip("word/document.xml", b"<w:document/>")),
        sample("a page", "a.png", html),
        sample("a page", "a.pdf", html),
        sample("an SVG", "a.png", svg),
        sample("an SVG", "a.gif", svg),
        sample("gzip", "a.txt", gzip(b"hello")),
        sample("gzip in gzip in gzip", "a.png", gzip(&gzip(&gzip(&[0; 4096])))),
        sample("7z", "a.jpg", [b"7z\xbc\xaf\x27\x1c\0\x04".as_slice(), &[0; 60]].concat()),
        sample("RAR", "a.jpg", [b"Rar!\x1a\x07\x01\0".as_slice(), &[0; 60]].concat()),
        sample("a film", "a.gif", [b"\0\0\0\x18ftypmp42".as_slice(), &[0; 60]].concat()),
        sample("BMP", "a.png", [b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0".as_slice(), &[0; 60]].concat()),
        sample("TIFF", "a.jpg", [b"II*\0\x08\0\0\0".as_slice(), &[0; 60]].concat()),
        sample("a Java class", "a.png", [b"\xca\xfe\xba\xbe\0\0\0\x34".as_slice(), &[0; 60]].concat()),
        sample("WebAssembly", "a.webp", b"\0asm\x01\0\0\0".as_slice()),
        sample("a PNG that says JPEG", "a.jpg", png()),
        sample("a JPEG that says PNG", "a.png", jpeg()),
        sample("a PDF that says text", "a.txt", plain_pdf()),
        sample("a text that says PDF", "a.pdf", "just a text"),
        sample("a text that says PNG", "a.png", "just a text"),
        sample("nothing but zeros", "a.webp", vec![0; 100]),
    ]
}

fn damaged() -> Vec<Sample> {
    let (png, jpeg, gif, webp, pdf) = (png(), jpeg(), gif(2), webp(), plain_pdf());
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let mut noise = png.clone();
    let idat = noise.windows(4).position(|name| name == b"IDAT").expect("there is one");
    noise[idat + 6..idat + 40].fill(0xaa);
    vec![
        sample("half a PNG", "a.png", half(&png)),
        sample("half a JPEG", "a.jpg", half(&jpeg)),
        sample("half a GIF", "a.gif", half(&gif)),
        sample("half a WebP", "a.webp", half(&webp)),
        sample("half a PDF", "a.pdf", half(&pdf)),
        sample("noise in a PNG", "a.png", noise),
        sample("only a signature", "a.png", png[..8].to_vec()),
        sample("only a signature", "a.jpg", jpeg[..3].to_vec()),
        sample("only a signature", "a.gif", b"GIF89a".as_slice()),
        sample("only a first line", "a.pdf", b"%PDF-1.4\n".as_slice()),
    ]
}

fn bombs() -> Vec<Sample> {
    let mut gif = gif(1);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    let mut jpeg = jpeg();
    let sof = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("there is one");
    jpeg[sof + 5..sof + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    let mut wide = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff".to_vec();
    wide.extend_from_slice(b"VP8L\0\0\0\0");
    let zeros = stream("/Filter /FlateDecode", &compress_to_vec_zlib(&vec![0; 40 * 1024 * 1024], 9));
    vec![
        sample("65,000 × 65,000", "a.png", png_of(65_000, 65_000)),
        sample("one line of 2,000,000,000", "a.png", png_of(2_000_000_000, 1)),
        sample("9,999 × 9,999", "a.png", png_of(9_999, 9_999)),
        sample("no width", "a.png", png_of(0, 10)),
        sample("65,535 × 65,535", "a.gif", gif),
        sample("65,500 × 65,500", "a.jpg", jpeg),
        sample("16,777,216 × 16,777,216", "a.webp", wide),
        sample("600 pictures", "a.gif", self::gif(600)),
        sample("a page that unpacks to 40 MiB", "a.pdf", pdf_with("", &zeros)),
    ]
}

fn two_at_once() -> Vec<Sample> {
    let archive = zip("x.class", b"\xca\xfe\xba\xbe");
    let html = b"<html><script>alert(1)</script></html>".as_slice();
    let gif = gif(2);
    let mut script = gif.clone();
    script[6..10].copy_from_slice(b"/*\x01\0");
    let script = [&script[..], b"*/=1;alert(1)//"].concat();
    let comment = [&gif[..gif.len() - 1], b"\x21\xfe\x08<script>\0\x3b"].concat();
    let first_line = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n".as_slice();
    vec![
        sample("GIF and ZIP", "a.gif", [&gif[..], &archive].concat()),
        sample("PNG and ZIP", "a.png", [&png()[..], &archive].concat()),
        sample("JPEG and ZIP", "a.jpg", [&jpeg()[..], &archive].concat()),
        sample("JPEG, JPEG and ZIP", "a.jpg", [&jpeg()[..], &jpeg(), &archive].concat()),
        sample("WebP and ZIP", "a.webp", [&webp()[..], &archive].concat()),
        sample("PDF and ZIP", "a.pdf", [&plain_pdf()[..], &archive].concat()),
        sample("ZIP and PDF", "a.pdf", [&archive[..], &plain_pdf()].concat()),
        sample("text and ZIP", "a.txt", [b"hello\n", &archive[..]].concat()),
        sample("GIF and script", "a.gif", script),
        sample("GIF with a page behind it", "a.gif", [&gif[..], html].concat()),
        sample("GIF with a script in a comment", "a.gif", comment),
        sample("PNG with PHP in a comment", "a.png", with_chunk(&png(), *b"tEXt", b"c\0<?php system($_GET['c']); ?>")),
        sample("PNG with a PDF in a comment", "a.png", with_chunk(&png(), *b"tEXt", &[b"c\0", first_line].concat())),
        sample("PNG with a program behind it", "a.png", [&png()[..], b"MZ\x90\0"].concat()),
        sample("JPEG with a page in a comment", "a.jpg", with_segment(&jpeg(), 0xfe, html)),
        sample("JPEG with a PDF in a comment", "a.jpg", with_segment(&jpeg(), 0xfe, first_line)),
        sample("JPEG with a page behind it", "a.jpg", [&jpeg()[..], html].concat()),
        sample("JPEG with PHP behind it", "a.jpg", [&jpeg()[..], b"<?php system('id'); ?>"].concat()),
        sample("WebP with more behind it", "a.webp", [&webp()[..], b"more"].concat()),
        sample("PDF with a page behind it", "a.pdf", [&plain_pdf()[..], html].concat()),
        sample("a page and a PDF", "a.pdf", [html, &plain_pdf()].concat()),
    ]
}

fn documents() -> Vec<Sample> {
    let script = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>".as_slice();
    let hidden = compress_to_vec_zlib(b"6 0 << /S /JavaScript /JS (app.alert) >>", 6);
    let packed = stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &hidden);
    let digits = hidden.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits: String = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
    let twice = stream("/Type /Obj#53tm /N 1 /First 4 /Filter [/ASCIIHexDecode /FlateDecode]", digits.as_bytes());
    let action = "/OpenAction 5 0 R";
    vec![
        sample("a script", "a.pdf", pdf_with(action, script)),
        sample("a script in digits", "a.pdf", pdf_with(action, b"<< /S /J#61vaScr#69pt /JS (x) >>")),
        sample("a packed script", "a.pdf", pdf_with(action, &packed)),
        sample("a script that is packed twice", "a.pdf", pdf_with(action, &twice)),
        sample("a program to start", "a.pdf", pdf_with(action, b"<< /S /Launch /F (cmd.exe) >>")),
        sample("a file inside", "a.pdf", pdf_with("", &stream("/Type /EmbeddedFile", b"MZ"))),
        sample("files inside", "a.pdf", pdf_with("/Names << /EmbeddedFiles 5 0 R >>", b"<< >>")),
        sample("a form that runs", "a.pdf", pdf_with("/AcroForm << /XFA 5 0 R >>", b"<< >>")),
        sample("a film that runs", "a.pdf", pdf_with("", b"<< /Subtype /RichMedia >>")),
        sample("another document to open", "a.pdf", pdf_with(action, b"<< /S /GoToR /F (\\\\\\\\host\\\\x) >>")),
        sample("encrypted", "a.pdf", pdf_with("", b"<< /Encrypt 6 0 R >>")),
        sample("a page in it", "a.pdf", pdf_with("", b"(<script>alert(1)</script>)")),
    ]
}

fn texts() -> Vec<Sample> {
    vec![
        sample("a virus for tests", "a.txt", eicar()),
        sample("a virus for tests in a text", "a.txt", [b"see:\n", &eicar()[..], b"\n"].concat()),
        sample("a page", "a.txt", " \n\u{feff}<HTML><body onload=alert(1)>"),
        sample("a page behind a comment", "a.txt", "<!-- hello --><script>alert(1)</script>"),
        sample("an SVG", "a.txt", "<?xml version=\"1.0\"?><svg onload=\"alert(1)\"/>"),
        sample("PHP", "a.log", "<?php system('id');"),
        sample("a shell script", "a.txt", "#!/bin/sh\nrm -rf /\n"),
        sample("RTF", "a.txt", "{\\rtf1\\object}"),
        sample("PostScript", "a.txt", "%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n"),
        sample("a saved page", "a.txt", "MIME-Version: 1.0\nContent-Type: text/html\n"),
        sample("NUL", "a.txt", "hello\u{0}world"),
        sample("escape sequences", "a.log", "\u{1b}]0;title\u{7}\u{1b}[2J"),
        sample("UTF-16", "a.txt", b"\xff\xfeh\0i\0".as_slice()),
        sample("Latin-1", "a.txt", b"\xe9t\xe9".as_slice()),
        sample("turned letters", "a.txt", "invoice \u{202e}fdp.exe"),
    ]
}
