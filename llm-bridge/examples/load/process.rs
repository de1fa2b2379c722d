//! What the kernel counted of this process.

use crate::Outcome;
use std::fs::read_to_string;

/// User and system time of this process in seconds, from the kernel's accounts in hundredths.
pub(crate) fn cpu_seconds() -> Outcome<f64> {
    let stat = read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().ok_or("no accounts")?.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

/// Seconds of CPU of each thread of this process whose name begins with `name`, in the order of their starts.
pub(crate) fn thread_seconds(name: &str) -> Outcome<Vec<f64>> {
    let mut tasks: Vec<_> = std::fs::read_dir("/proc/self/task")?.collect::<Result<Vec<_>, _>>()?;
    tasks.sort_by_key(|task| task.file_name().to_string_lossy().parse::<u64>().unwrap_or(0));
    let mut seconds = Vec::new();
    for task in tasks.into_iter().map(|task| task.path()) {
        if read_to_string(task.join("comm"))?.starts_with(name) {
            let times = read_to_string(task.join("schedstat"))?;
            let nanos: f64 = times.split_whitespace().next().ok_or("no accounts")?.parse()?;
            seconds.push(nanos / 1e9);
        }
    }
    Ok(seconds)
}

/// The largest memory of this process so far, in KiB.
pub(crate) fn peak_kib() -> Outcome<u64> {
    let status = read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no peak")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
