//! Event files as TensorBoard reads them: TFRecord frames around three small protobuf messages.

use super::event::{EvaluationEvent, Event, StepEvent};
use crate::error::{Error, Result};
use crate::io;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the names of event files begin with.
const PREFIX: &str = "events.out.tfevents.";

/// Writes a run's events where TensorBoard looks for them, under Hugging Face's names:
/// `train/loss`, `train/learning_rate`, `eval/spearman_cosine` … Each process writes a file of
/// its own; the first thing in it says from which step on what earlier files say is void, so a
/// run that was stopped and went on is one curve without a step twice.
///
/// ```no_run
/// use twindrop::train::{Run, RunConfig, TensorBoard};
///
/// let run = Run::new(&RunConfig::from_file("run.toml".as_ref())?)?;
/// let mut board = TensorBoard::new("out/runs");
/// run.run(&mut |event| board.on_event(event))?;
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    directory: PathBuf,
    file: Option<(PathBuf, BufWriter<File>)>,
}

impl TensorBoard {
    /// A board over a directory, which is made with the first event.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), file: None }
    }

    /// Writes down what an event says in numbers.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn on_event(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Started { .. } if self.file.is_none() => self.begin(0),
            Event::Resumed { step, .. } => self.begin(step + 1),
            Event::Step(step) => self.scalars(step.step, &of_step(step)),
            Event::Evaluated(EvaluationEvent { step, metrics, geometry, .. }) => {
                let metrics = metrics.iter().map(|(name, value)| (name.as_str(), *value));
                let geometry = geometry.iter().flat_map(|geometry| {
                    [
                        ("alignment", geometry.alignment),
                        ("uniformity", geometry.uniformity),
                        ("mean_cosine", geometry.mean_cosine),
                        ("effective_rank", geometry.effective_rank),
                    ]
                });
                let defined = metrics
                    .chain(geometry)
                    .filter_map(|(name, value)| Some((format!("eval/{name}"), value?)));
                self.scalars(*step, &defined.collect::<Vec<_>>())
            }
            _ => Ok(()),
        }
    }

    /// A file that voids what others say of `step` and later.
    fn begin(&mut self, step: u64) -> Result<()> {
        io::make_directory(&self.directory)?;
        let path = self.directory.join(name(&self.directory));
        let file = File::create(&path).map_err(|error| Error::io(&path, error))?;
        self.file = Some((path, BufWriter::new(file)));
        let mut version = Message::at(0);
        version.bytes(3, b"brain.Event:2");
        self.write(&version)?;
        let (mut session, mut start) = (Message::at(step), Message::default());
        start.number(1, 1); // START
        session.message(7, &start);
        self.write(&session)
    }

    fn scalars(&mut self, step: u64, values: &[(String, f64)]) -> Result<()> {
        if self.file.is_none() {
            self.begin(step)?;
        }
        let mut summary = Message::default();
        for (tag, number) in values {
            let mut value = Message::default();
            value.bytes(1, tag.as_bytes());
            value.single(2, *number as f32);
            summary.message(1, &value);
        }
        let mut event = Message::at(step);
        event.message(5, &summary);
        self.write(&event)
    }

    /// One frame, at once for whoever looks on.
    fn write(&mut self, event: &Message) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let written = file.write_all(&frame(&event.0)).and_then(|()| file.flush());
        written.map_err(|error| Error::io(path, error))
    }
}

/// The loss as the run's and as its objective's, which others may take turns with.
fn of_step(step: &StepEvent) -> Vec<(String, f64)> {
    let mut scalars = vec![
        ("train/loss".to_string(), step.loss),
        ("train/learning_rate".into(), step.learning_rate),
        ("train/grad_norm".into(), step.grad_norm),
        (format!("loss/{}", step.objective), step.loss),
    ];
    scalars.extend(step.terms.iter().map(|(name, term)| (format!("train/{name}"), *term)));
    scalars
}

/// `events.out.tfevents.SECONDS.HOST.PROCESS.0`, which sorts behind every file that is there.
fn name(directory: &Path) -> String {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let earlier = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix(PREFIX)?.split('.').next()?.parse::<u64>().ok()
    });
    let next = earlier.max().map_or(0, |seconds| seconds.saturating_add(1));
    let (seconds, process) = ((now() as u64).max(next), std::process::id());
    format!("{PREFIX}{seconds:010}.{}.{process}.0", host())
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let name: String = name.chars().filter(plain).collect();
    if name.is_empty() { "localhost".into() } else { name }
}

/// A protobuf message under way.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// An event: `wall_time = 1`, `step = 2`.
    fn at(step: u64) -> Self {
        let mut event = Self::default();
        event.tag(1, 1);
        event.0.extend(now().to_le_bytes());
        event.number(2, step);
        event
    }

    fn tag(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.tag(field, 0);
        self.varint(value);
    }

    fn single(&mut self, field: u64, value: f32) {
        self.tag(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.tag(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }
}

/// Length, its checksum, the record, its checksum; all little-endian.
fn frame(record: &[u8]) -> Vec<u8> {
    let length = (record.len() as u64).to_le_bytes();
    let mut frame = length.to_vec();
    frame.extend(masked(&length).to_le_bytes());
    frame.extend_from_slice(record);
    frame.extend(masked(record).to_le_bytes());
    frame
}

/// A checksum that can be stored among what it is a checksum of: turned by 15 bits, and added to.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's checksum, by a table of bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8);
    !bytes.iter().fold(!0, step)
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_castagnolis() {
        // RFC 3720, B.4
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn a_message_is_protobuf_byte_by_byte() {
        let mut message = Message::default();
        message.number(2, 300);
        message.bytes(1, b"ab");
        message.single(2, 1.);
        assert_eq!(message.0, [0x10, 0xac, 2, 0x0a, 2, b'a', b'b', 0x15, 0, 0, 0x80, 0x3f]);
    }

    #[test]
    fn a_later_file_sorts_behind_an_earlier_one_of_the_same_second() {
        let place = tempfile::tempdir().unwrap();
        let mut before = String::new();
        for _ in 0..3 {
            let mut board = TensorBoard::new(place.path());
            board.on_event(&Event::Started { steps: 1, parameters: 1 }).unwrap();
            let (path, _) = board.file.expect("a file");
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            assert!(name > before, "{name} after {before}");
            before = name;
        }
    }
}
