//! Every bound of the bridge in one place, each with its unit and its reason.

use std::time::Duration;

/// Share of the open-file limit that requests in flight may use: pools open more sockets than there
/// are requests while connecting is slow, and the process needs files of its own.
pub const FILES_SHARE: f64 = 0.7;
/// Connections being opened at once; thousands at a time overflow a server's accept queue and then
/// wait for retransmissions of several seconds.
pub const CONNECTING_MAX: usize = 256;
/// Threads that carry requests.
pub const THREADS_MAX: usize = 16;
/// Requests per second for which one thread is meant; past it another is started, unless their number is configured.
pub const REQUESTS_PER_THREAD: u64 = 15_000;
/// Connections idle for longer are closed by us: usual servers close theirs after 5 s.
pub const IDLE_CONNECTION: Duration = Duration::from_millis(3_500);
/// How long the opening of a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an endpoint may take to say that it is there, before a run starts.
pub const REACH_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval of TCP keep-alive probes.
pub const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
/// Largest body of a successful reply that is read, in bytes.
pub const REPLY_BYTES_MAX: usize = 32 << 20;
/// Largest body of a failed reply that is read, in bytes; only its error message is of use.
pub const ERROR_BYTES_MAX: usize = 64 << 10;
/// Characters of a reply that are kept with a failure.
pub const RAW_TEXT_MAX: usize = 4_096;
/// Endpoints of one model; a set of them is one machine word.
pub const ENDPOINTS_MAX: usize = 64;
/// Models of one bridge.
pub const MODELS_MAX: usize = u16::MAX as usize;
/// Choices asked for in one request, whatever is configured.
pub const CHOICES_MAX: u32 = 1_024;
/// First guess of what an endpoint can do at once, requests.
pub const LIMIT_START: usize = 16;
/// First wait before a request is sent again; it doubles with every attempt.
pub const BACKOFF_BASE: Duration = Duration::from_millis(50);
/// Longest wait before a request is sent again.
pub const BACKOFF_MAX: Duration = Duration::from_secs(20);
/// Longest pause that a server's `Retry-After` may impose on its endpoint.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(2);
/// Failures in a row after which an endpoint's circuit opens.
pub const CIRCUIT_FAILURES: u32 = 20;
/// First time for which a circuit stays open; it doubles with every failed trial.
pub const CIRCUIT_BASE: Duration = Duration::from_millis(100);
/// Longest time for which a circuit stays open.
pub const CIRCUIT_MAX: Duration = Duration::from_secs(30);
/// Records handed to the completion store and not yet acknowledged; past it nothing new is sent.
pub const STORE_PENDING_MAX: usize = 4_096;
/// Bytes of their texts past which nothing new is sent; what is in flight by then still comes.
pub const STORE_PENDING_BYTES_MAX: usize = 32 << 20;
/// Works looked at, from the front of the queue, when an endpoint looks for one whose prefix it holds.
pub const AFFINITY_WINDOW: usize = 16;
/// Works whose endpoint died under them that may be in flight at once, per model.
pub const SUSPECTS_IN_FLIGHT_MAX: usize = 1;
/// Endpoints that may die under a work before it is put into quarantine.
pub const DEATHS_MAX: u8 = 2;
/// Replies in a row with fewer choices than asked for, after which an endpoint is asked for fewer.
pub const SHORT_REPLIES_MAX: u32 = 3;
/// Least time before a straggler is sent a second time.
pub const HEDGE_AFTER_MIN: Duration = Duration::from_millis(2);
/// Latencies that are kept per endpoint for its percentiles.
pub const LATENCIES_KEPT: usize = 256;
/// Commands waiting for the bridge thread.
pub const COMMANDS_MAX: usize = 64;
/// Events (requests that landed) handled before the queue is looked at again.
pub const LANDINGS_PER_TURN: usize = 256;
/// Bytes of one segment of the prompt arena.
pub const ARENA_SEGMENT: usize = 1 << 20;
/// Digits of a number in a reply.
pub const NUMBER_DIGITS_MAX: usize = 40;
/// Fields of an answer, counted through all levels.
pub const ANSWER_FIELDS_MAX: usize = 64;
/// Levels of objects in an answer.
pub const ANSWER_DEPTH_MAX: usize = 8;
/// Options that the distribution mode reads.
pub const OPTIONS_MAX: usize = 1_024;
/// One-token calls that reading one distribution may take.
pub const DISTRIBUTION_CALLS_MAX: usize = 256;
/// Distributions read at once.
pub const READINGS_MAX: usize = 1 << 15;
/// Requests of one batch file: hosted services take 50,000, but their replies must be read in one piece.
pub const BATCH_FILE_REQUESTS_MAX: usize = 10_000;
/// Bytes of one batch file; hosted services take 200 MB.
pub const BATCH_FILE_BYTES_MAX: usize = 100 << 20;
/// Largest file of results that is read, in bytes.
pub const BATCH_RESULT_BYTES_MAX: usize = 512 << 20;
/// How long the upload of a batch file and the reading of its results may take, each.
pub const BATCH_FILE_TIMEOUT: Duration = Duration::from_mins(30);
/// Latest batches of a service among which one that was sent before is looked for.
pub const BATCHES_LISTED: usize = 100;
