//! Writes the page: one HTML file with the charts, the table and the numbers. It loads no other
//! files.

use plotters::style::RGBColor;

use crate::{
    charts::{self, Curve, DrawingError, ENDS},
    clients::Client,
    numbers::{capacity, numbers},
    record::{Record, Recovery, by_upstream},
    script::{DEMAND, Scenario, Script},
    table,
};

const STYLE: &str = "\
body { font: 16px/1.5 sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem } h3 { margin: 1rem 0 0 }
figure { margin: 0 } svg { width: 100%; height: auto; display: block }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: bottom }
td { white-space: nowrap }
th:first-child, td:first-child, .words td { text-align: left }
.words td { white-space: normal; vertical-align: top }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0; list-style: none }
.key i { display: inline-block; width: 1.4em; height: .6em; margin-right: .4em }
";

/// The introduction of the page.
fn introduction() -> String {
    format!(
        "{} clients run through the same fault, one after the other, each with a new upstream. The upstream has few \
         workers and a bounded queue. An accepted job takes a worker's time even if the caller has given up. Every client \
         receives the same requests at the same times. The clients differ in what they do when an attempt fails.",
        Client::ALL.len()
    )
}

/// The explanation of a script's results.
fn explanation(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Outage => {
            "A full queue takes longer to drain than a client waits. Once the fault has filled the queue, every response \
             comes too late, and only fewer attempts can end this. A client that makes up to three more attempts after each \
             failure, at once or after a jittered wait, sends more than the workers can serve: the outage continues after \
             its cause is fixed. A budget keeps the attempts below the upstream's capacity, so the queue drains. A breaker \
             stops nearly all calls, and a fallback answers the requests during that time. While only some of the jobs \
             fail, retries answer nearly all requests."
        }
        Scenario::Blip => {
            "The upstream is dead for less time than a caller waits for one attempt. Retries answer nearly all requests \
             that failed. A breaker that opens after a few failures in a row turns this blip into an outage of 30 s: it \
             doesn't call the upstream, which works again. A breaker that opens only if the failures last for a minimum \
             time does no harm."
        }
        Scenario::HalfDead => {
            "One of two backends is dead, and the load balancer doesn't detect it. Half of the attempts succeed, so retries \
             answer most requests. A breaker that opens after a few failures in a row, or on a failure rate, also rejects \
             the half that would succeed. A breaker that opens only while every call fails does no harm."
        }
    }
}

/// The whole page.
pub(crate) fn html(records: &[Record], script: &Script) -> Result<String, DrawingError> {
    let ends = records
        .iter()
        .map(|record| Ok(format!("<h3>{}</h3>\n{}", record.client.name(), charts::ends(record)?)))
        .collect::<Result<String, DrawingError>>()?;
    let load = Curve { unit: "x demand", figure: |slice| slice.load() };
    let wait = Curve { unit: "ms", figure: |slice| slice.wait(0.99).as_secs_f64() * 1000.0 };

    Ok(format!(
        "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>{title}</title>
<style>
{STYLE}</style>
<h1>{title}</h1>
<p>{introduction}</p>
<p>{explanation}</p>
<p>{recoveries}</p>
{figures}<p>{note}</p>
<h2>How requests ended</h2>
<p>By time of arrival.</p>
{ends_key}{ends}
<h2>Upstream load</h2>
<p>Attempts that reached the upstream, per request that a caller made at that time. The workers can serve {can:.2}.</p>
{clients_key}{load}
<h2>99th percentile of the waits</h2>
<p>How long callers waited for a response or an error, by time of arrival. A low value is good only if requests are answered:
a full queue also returns errors quickly.</p>
{clients_key}{wait}
<h2>The script's numbers</h2>
{numbers}</html>
",
        title = format_args!("One fault, {} clients: {}", Client::ALL.len(), script.scenario),
        introduction = introduction(),
        explanation = explanation(script.scenario),
        recoveries = recoveries(records),
        figures = rows(records),
        note = table::NOTE.replace('\n', "<br>\n"),
        ends_key = key(ENDS),
        clients_key = key(Client::ALL.map(|client| (client.name(), charts::colour(client)))),
        can = capacity() / DEMAND,
        load = charts::together(records, script, &load)?,
        wait = charts::together(records, script, &wait)?,
        numbers = words(&numbers(script)),
    ))
}

/// One sentence about the recovery in this run.
fn recoveries(records: &[Record]) -> String {
    let clients: Vec<_> = records
        .iter()
        .map(|record| match record.recovery(by_upstream) {
            Recovery::After(time) => {
                format!("{} after {:.1} s", record.client.name(), time.as_secs_f64())
            }
            Recovery::Never => format!("{} never", record.client.name()),
        })
        .collect();
    format!(
        "In this run, counted from the end of the fault, the upstream answered 99 % of the requests again: {}.",
        clients.join("; ")
    )
}

fn rows(records: &[Record]) -> String {
    let line = |tag: &str, row: [String; table::HEADER.len()]| {
        format!("<tr>{}</tr>\n", row.map(|cell| format!("<{tag}>{cell}</{tag}>")).concat())
    };
    let header = line("th", table::HEADER.map(str::to_owned));
    let body: String = records.iter().map(|record| line("td", table::row(record))).collect();
    format!("<div class=\"scroll\"><table>\n{header}{body}</table></div>\n")
}

fn words(lines: &[(&str, String)]) -> String {
    let lines: String =
        lines.iter().map(|(name, value)| format!("<tr><td>{name}</td><td>{value}</td></tr>\n")).collect();
    format!("<table class=\"words\">\n{lines}</table>\n")
}

fn key<const N: usize>(entries: [(&str, RGBColor); N]) -> String {
    let entries = entries.map(|(name, RGBColor(red, green, blue))| {
        format!("<li><i style=\"background: rgb({red} {green} {blue})\"></i>{name}</li>\n")
    });
    format!("<ul class=\"key\">\n{}</ul>\n", entries.concat())
}
