//! The mock server's batch files: uploads, jobs that take some asking, and their results.

use crate::mock::core::{Answered, error, ok};
use serde_json::{Value, json};

/// Files and batches that are kept; older ones are refused.
const KEPT_MAX: usize = 64;

/// Files and batches of a mock server.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    files: Vec<Vec<u8>>,
    batches: Vec<Batch>,
}

#[derive(Clone, Debug)]
struct Batch {
    output: usize,
    count: usize,
    asked: u32,
    cancelled: bool,
    metadata: Value,
}

impl Batches {
    /// The result lines of the batch that this request creates, if it creates one.
    pub fn answers(
        method: &str,
        path: &str,
        body: &[u8],
        one: impl Fn(&str, &[u8]) -> Answered,
        state: &Self,
    ) -> Option<Vec<u8>> {
        if (method, path) != ("POST", "/v1/batches") {
            return None;
        }
        let request: Value = serde_json::from_slice(body).ok()?;
        let file = state.files.get(number(request["input_file_id"].as_str()?)?)?;
        let mut lines = Vec::new();
        for line in String::from_utf8_lossy(file).lines() {
            let line: Value = serde_json::from_str(line).ok()?;
            let answered = one(line["url"].as_str()?, line["body"].to_string().as_bytes());
            let reply: Value = serde_json::from_slice(&answered.body).unwrap_or(Value::Null);
            let result = json!({"custom_id": line["custom_id"], "response": {"status_code": answered.status, "body": reply}, "error": null});
            lines.extend_from_slice(result.to_string().as_bytes());
            lines.push(b'\n');
        }
        Some(lines)
    }

    /// Handles a request for files or batches.
    pub fn respond(
        &mut self,
        method: &str,
        path: &str,
        body: &[u8],
        answers: Option<Vec<u8>>,
    ) -> Answered {
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["files"]) => match content(body) {
                Some(content) if self.files.len() < KEPT_MAX => self.keep(content.to_vec()),
                _ => error(400, "no file in the form, or too many files", None),
            },
            ("GET", ["files", id, "content"]) => {
                match number(id).and_then(|number| self.files.get(number)) {
                    Some(file) => Answered {
                        status: 200,
                        retry_after: None,
                        content: "application/jsonl",
                        body: file.clone(),
                    },
                    None => error(404, "there is no such file", None),
                }
            }
            ("POST", ["batches"]) => match answers {
                Some(lines) if self.batches.len() < KEPT_MAX => self.create(lines, body),
                _ => error(400, "the input file cannot be read", None),
            },
            ("GET", ["batches"]) => {
                let listed = self.batches.iter().enumerate().rev();
                let listed: Vec<Value> = listed.map(|(number, batch)| batch.told(number)).collect();
                ok(&json!({"object": "list", "data": listed, "has_more": false}))
            }
            ("GET", ["batches", id]) => self.show(id, false),
            ("POST", ["batches", id, "cancel"]) => self.show(id, true),
            _ => error(404, "there is nothing here", None),
        }
    }

    fn keep(&mut self, file: Vec<u8>) -> Answered {
        let bytes = file.len();
        self.files.push(file);
        ok(
            &json!({"id": format!("file-{}", self.files.len() - 1), "object": "file", "bytes": bytes}),
        )
    }

    fn create(&mut self, lines: Vec<u8>, request: &[u8]) -> Answered {
        let request: Value = serde_json::from_slice(request).unwrap_or(Value::Null);
        let count = lines.split(|byte| *byte == b'\n').count() - 1;
        self.files.push(lines);
        self.batches.push(Batch {
            output: self.files.len() - 1,
            count,
            asked: 0,
            cancelled: false,
            metadata: request["metadata"].clone(),
        });
        self.show(&format!("batch-{}", self.batches.len() - 1), false)
    }

    fn show(&mut self, id: &str, cancel: bool) -> Answered {
        let Some(number) = number(id).filter(|number| *number < self.batches.len()) else {
            return error(404, "there is no such batch", None);
        };
        let batch = &mut self.batches[number];
        batch.cancelled |= cancel;
        batch.asked += 1;
        ok(&batch.told(number))
    }
}

impl Batch {
    fn told(&self, number: usize) -> Value {
        let status = match (self.cancelled, self.asked) {
            (true, _) => "cancelled",
            (false, 0..=2) => "in_progress",
            (false, _) => "completed",
        };
        let output = (status != "in_progress").then(|| format!("file-{}", self.output));
        json!({"id": format!("batch-{number}"), "object": "batch", "status": status,
            "output_file_id": output, "metadata": self.metadata,
            "request_counts": {"total": self.count, "completed": self.count, "failed": 0}})
    }
}

fn number(id: &str) -> Option<usize> {
    id.rsplit('-').next()?.parse().ok()
}

/// The content of the part named `file` in a multipart form.
fn content(body: &[u8]) -> Option<&[u8]> {
    let find = |from: usize, what: &[u8]| {
        body[from..].windows(what.len()).position(|window| window == what).map(|place| from + place)
    };
    let part = find(0, b"name=\"file\"")?;
    let start = find(part, b"\r\n\r\n")? + 4;
    let boundary_end = find(0, b"\r\n")?;
    let end = find(start, &[b"\r\n", &body[..boundary_end]].concat())?;
    Some(&body[start..end])
}
