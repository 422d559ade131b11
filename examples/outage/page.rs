//! The page: one HTML file with the curves, the table and the numbers in it, and nothing to load from elsewhere.

use plotters::style::RGBColor;

use crate::{
    charts::{self, Curve, DrawingError, ENDS},
    clients::Client,
    numbers::{capacity, numbers},
    record::{Record, Recovery, by_upstream},
    script::{DEMAND, Script},
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

const LEAD: &str = "\
Five clients live through the same outage, one after the other, each with a fresh upstream. The upstream has few workers and \
a bounded queue, and a job that it has taken costs a worker even if the caller has left. Callers want the same answers at the \
same times from every client; what differs is what a client does when an attempt fails.";

const TRAP: &str = "\
A full queue takes longer to drain than a client waits. So once the outage has filled it, every answer comes too late, and \
only fewer attempts can end that. A client that answers each failure with three more attempts, at once or after a jittered \
wait, sends more than the workers can do: the cause is gone, the outage stays. A budget keeps the attempts below what the \
upstream can do, so the queue drains; a breaker stops calling altogether, and a fallback answers meanwhile. Retries are not \
bad in themselves: while only some of the jobs fail, they mend nearly all of it.";

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
<title>One outage, five clients</title>
<style>
{STYLE}</style>
<h1>One outage, five clients</h1>
<p>{LEAD}</p>
<p>{TRAP}</p>
<p>{seen}</p>
{figures}<p>{note}</p>
<h2>What became of the requests</h2>
<p>By the time at which they came.</p>
{ends_key}{ends}
<h2>Upstream load</h2>
<p>Attempts that reached the upstream, for each request that a caller made then. The workers can do {can:.2}.</p>
{clients_key}{load}
<h2>The slowest hundredth</h2>
<p>How long callers waited for an answer or an error, the 99th percentile, by the time at which they came. A line near the
ground is good only where requests are answered: being turned away by a full queue is quick too.</p>
{clients_key}{wait}
<h2>The script's numbers</h2>
{numbers}</html>
",
        seen = seen(records),
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

/// One sentence about this very run.
fn seen(records: &[Record]) -> String {
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
        "In this run, counted from the end of the outage, the upstream answered 99 % of the requests again: {}.",
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
