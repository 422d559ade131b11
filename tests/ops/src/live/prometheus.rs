//! A Prometheus server that scrapes the service, and its HTTP API.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use super::http_client;
use crate::files::{ops, text};

/// Longer than any step takes on a busy machine.
const AT_MOST: Duration = Duration::from_secs(120);

/// A running server with a folder of its own. It stops when it is dropped.
pub struct Prometheus {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

/// A sample of an instant query: its labels and its value.
#[derive(Debug, Clone)]
pub struct Sample {
    pub labels: Value,
    pub value: f64,
}

/// A series of a range query: its labels, and times with values.
#[derive(Debug, Clone)]
pub struct Series {
    pub labels: Value,
    pub points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Starts a server that scrapes `target` and evaluates the alert rules of `ops/`.
    pub async fn start(target: SocketAddr, interval: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (rules, interval) = (ops().join("prometheus/rules.yml"), format!("{}ms", interval.as_millis()));
        // JSON is valid YAML.
        let config = serde_json::json!({
            "global": { "scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval },
            "rule_files": [rules.canonicalize().unwrap()],
            "scrape_configs": [{ "job_name": "shop", "static_configs": [{ "targets": [target.to_string()] }] }],
        });
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config.to_string()).unwrap();
        let address = free_address();
        let process = run(&file, folder.path(), address);
        let mut prometheus = Self { process, address, _folder: folder };
        let since = Instant::now();
        while http_client::get(&format!("http://{address}/-/ready")).await.is_err() {
            assert!(prometheus.process.try_wait().unwrap().is_none(), "prometheus has exited");
            assert!(since.elapsed() < AT_MOST, "prometheus isn't ready");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        prometheus
    }

    /// The `data` of a response of the API.
    async fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let url = format!("http://{}/api/v1/{path}?{query}", self.address);
        let body = http_client::get(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["status"], "success", "{url}");
        answer["data"].take()
    }

    /// Evaluates a query now.
    pub async fn query(&self, query: &str) -> Vec<Sample> {
        let data = self.api("query", &[("query", query)]).await;
        let results = data["result"].as_array().expect("a vector").clone();
        results
            .into_iter()
            .map(|mut result| Sample { value: number(&result["value"][1]), labels: result["metric"].take() })
            .collect()
    }

    /// Evaluates a query without groups: the value of its only sample, or `None` without one.
    pub async fn value(&self, query: &str) -> Option<f64> {
        let samples = self.query(query).await;
        assert!(samples.len() < 2, "{query}: {samples:?}");
        samples.first().map(|sample| sample.value)
    }

    /// Evaluates a query every two seconds of the last `time`.
    pub async fn range(&self, query: &str, time: Duration) -> Vec<Series> {
        let end = self.value("vector(time())").await.expect("the time");
        let start = end - time.as_secs_f64();
        let (start, end) = (start.to_string(), end.to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", "2")];
        let data = self.api("query_range", &parameters).await;
        let results = data["result"].as_array().expect("a matrix").clone();
        results
            .into_iter()
            .map(|mut result| {
                let values = result["values"].as_array().expect("values");
                let points = values.iter().map(|point| (point[0].as_f64().unwrap(), number(&point[1]))).collect();
                Series { labels: result["metric"].take(), points }
            })
            .collect()
    }

    /// The alerts that are pending or firing: names and states.
    pub async fn alerts(&self) -> Vec<(String, String)> {
        let data = self.api("alerts", &[]).await;
        let alerts = data["alerts"].as_array().expect("a list");
        alerts
            .iter()
            .map(|alert| (text(&alert["labels"]["alertname"]).to_owned(), text(&alert["state"]).to_owned()))
            .collect()
    }

    /// The names of all series.
    pub async fn names(&self) -> Vec<String> {
        let data = self.api("label/__name__/values", &[]).await;
        data.as_array().expect("a list").iter().map(|name| text(name).to_owned()).collect()
    }

    /// Waits until `done` returns `Some`. Panics with `what` after two minutes.
    pub async fn until<T>(&self, what: &str, mut done: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(value) = done(self).await {
                return value;
            }
            assert!(since.elapsed() < AT_MOST, "not reached: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(config: &Path, folder: &Path, address: SocketAddr) -> Child {
    Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("prometheus is in Debian's package `prometheus`")
}

/// An address that was free when this function returned.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// The API writes numbers as strings.
fn number(value: &Value) -> f64 {
    text(value).parse().unwrap_or(f64::NAN)
}
