//! Runs one GStreamer pipeline that may contain `webrtcsink` and `webrtcsrc`, until standard input ends.
//!
//! The only argument is the pipeline, as for `gst-launch-1.0`. Every line on standard output is an event, as JSON:
//! `welcome` (element, peer_id) when the signalling server has welcomed an element, `consumer_added` and
//! `consumer_removed` (peer_id) of a `webrtcsink`, `track` (kind, codec) for what a `webrtcsrc` receives, `playing`,
//! `message` (element, text) for what elements post on the bus, `warning` and `error` (element, text, debug),
//! `end_of_stream`, `closed`, `pad_added` and `pad_removed` (pad) of a `webrtcsrc`. A pipeline that fails ends the program
//! with exit code 1.
//!
//! Commands come as JSON lines on standard input, each answered by `answer` (request, result or error): `add` (name, kind,
//! branch) puts a branch before the `webrtcsink` that is called `sink`, while it plays; `remove` (name) takes one away;
//! `counts` tells how many buffers came out of each pad of a `webrtcsrc`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::BufRead;
use std::process::ExitCode;
use std::sync::{LazyLock, Mutex};
use std::thread;

use gst::glib;
use gst::prelude::*;
use serde_json::{Value, json};

const CLOSE: &str = "gst-media-peer-close";

/// Buffers that came out of each pad of a `webrtcsrc`.
static COUNTS: LazyLock<Mutex<BTreeMap<String, u64>>> = LazyLock::new(Mutex::default);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let description = std::env::args()
        .nth(1)
        .ok_or("usage: gst-media-peer PIPELINE")?;
    gst::init()?;
    // First: webrtcsink and webrtcsrc look for payloaders, as that of AV1, when they are registered.
    gstrsrtp::plugin_register_static()?;
    gstrswebrtc::plugin_register_static()?;
    let pipeline = gst::parse::launch(&description)?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "not a pipeline: one element alone")?;
    for element in pipeline.iterate_elements() {
        prepare(&element?);
    }
    let bus = pipeline.bus().expect("every pipeline has a bus");
    obey_until_end_of_input(&pipeline, &bus);
    pipeline.set_state(gst::State::Playing)?;
    let outcome = tell_until_closed(&pipeline, &bus);
    pipeline.set_state(gst::State::Null)?;
    tell(json!({"event": "closed"}));
    outcome
}

fn tell(event: Value) {
    println!("{event}");
}

fn prepare(element: &gst::Element) {
    let factory = element.factory().map(|factory| factory.name());
    match factory.as_deref() {
        Some("webrtcsink") => {
            use_no_stun_server(element);
            watch_welcome(element);
            watch_consumers(element);
        }
        Some("webrtcsrc") => {
            use_no_stun_server(element);
            watch_welcome(element);
            watch_tracks(element);
            watch_pads(element);
        }
        _ => {}
    }
}

/// The default is a public one, which no test may ask.
fn use_no_stun_server(element: &gst::Element) {
    element.set_property("stun-server", None::<String>);
}

fn watch_welcome(element: &gst::Element) {
    let name = element.name();
    let signaller = element.property::<glib::Object>("signaller");
    signaller.connect_notify(Some("client-id"), move |signaller, _| {
        if let Some(peer_id) = signaller.property::<Option<String>>("client-id") {
            tell(json!({"event": "welcome", "element": name.as_str(), "peer_id": peer_id}));
        }
    });
}

fn watch_consumers(sink: &gst::Element) {
    for (signal, event) in [
        ("consumer-added", "consumer_added"),
        ("consumer-removed", "consumer_removed"),
    ] {
        sink.connect(signal, false, move |arguments| {
            let peer_id = arguments[1].get::<String>().expect("the consumer's id");
            tell(json!({"event": event, "peer_id": peer_id}));
            None
        });
    }
}

fn watch_tracks(source: &gst::Element) {
    let signaller = source.property::<glib::Object>("signaller");
    signaller.connect("webrtcbin-ready", false, |arguments| {
        let webrtcbin = arguments[2].get::<gst::Element>().expect("a webrtcbin");
        webrtcbin.connect_pad_added(|_, pad| {
            if pad.direction() != gst::PadDirection::Src {
                return;
            }
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            if let Some(structure) = caps.structure(0) {
                let field = |name| structure.get::<String>(name).ok();
                tell(json!({"event": "track", "kind": field("media"), "codec": field("encoding-name")}));
            }
        });
        None
    });
}

/// Counts what comes out of each pad, those that the pipeline leaves alone included.
fn watch_pads(source: &gst::Element) {
    source.connect_pad_added(|source, pad| {
        let name = pad.name().to_string();
        tell(json!({"event": "pad_added", "pad": name}));
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            *COUNTS.lock().unwrap().entry(name.clone()).or_default() += 1;
            gst::PadProbeReturn::Ok
        });
        if !pad.is_linked() {
            if let Err(error) = discard(source, pad) {
                eprintln!("{error}");
            }
        }
    });
    source.connect_pad_removed(|_, pad| {
        tell(json!({"event": "pad_removed", "pad": pad.name().as_str()}))
    });
}

fn discard(source: &gst::Element, pad: &gst::Pad) -> Result<(), Box<dyn Error>> {
    let sink = gst::ElementFactory::make("fakesink")
        .property("async", false)
        .property("sync", false)
        .build()?;
    let parent = source.parent().and_downcast::<gst::Bin>();
    parent.ok_or("no pipeline")?.add(&sink)?;
    sink.sync_state_with_parent()?;
    pad.link(&sink.static_pad("sink").ok_or("no pad")?)?;
    Ok(())
}

fn obey_until_end_of_input(pipeline: &gst::Pipeline, bus: &gst::Bus) {
    let (pipeline, bus) = (pipeline.clone(), bus.clone());
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(command) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            let request = &command["request"];
            match obey(&pipeline, &command) {
                Ok(result) => {
                    tell(json!({"event": "answer", "request": request, "result": result}))
                }
                Err(error) => {
                    tell(json!({"event": "answer", "request": request, "error": error.to_string()}))
                }
            }
        }
        let structure = gst::Structure::new_empty(CLOSE);
        let _ = bus.post(
            gst::message::Application::builder(structure)
                .src(&pipeline)
                .build(),
        );
    });
}

fn obey(pipeline: &gst::Pipeline, command: &Value) -> Result<Value, Box<dyn Error>> {
    let text = |key: &str| command[key].as_str().ok_or(format!("no {key}"));
    match text("command")? {
        "add" => {
            let branch = gst::parse::bin_from_description(text("branch")?, true)?;
            branch.set_property("name", text("name")?);
            pipeline.add(&branch)?;
            let sink = pipeline.by_name("sink").ok_or("no sink")?;
            let pad = sink
                .request_pad_simple(&format!("{}_%u", text("kind")?))
                .ok_or("no more pads")?;
            branch.static_pad("src").ok_or("no pad")?.link(&pad)?;
            branch.sync_state_with_parent()?;
            Ok(json!(pad.name().as_str()))
        }
        "remove" => {
            let branch = pipeline.by_name(text("name")?).ok_or("no such branch")?;
            let pad = branch.static_pad("src").ok_or("no pad")?;
            let peer = pad.peer().ok_or("not linked")?;
            branch.set_state(gst::State::Null)?;
            pad.unlink(&peer)?;
            pipeline.remove(&branch)?;
            let sink = pipeline.by_name("sink").ok_or("no sink")?;
            sink.release_request_pad(&peer);
            Ok(Value::Null)
        }
        "counts" => Ok(json!(*COUNTS.lock().unwrap())),
        other => Err(format!("no command {other}").into()),
    }
}

fn tell_until_closed(pipeline: &gst::Pipeline, bus: &gst::Bus) -> Result<(), Box<dyn Error>> {
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        let element = message.src().map(|source| source.name().to_string());
        let of_pipeline = message.src() == Some(pipeline.upcast_ref());
        match message.view() {
            gst::MessageView::Application(application) => {
                if application
                    .structure()
                    .is_some_and(|structure| structure.has_name(CLOSE))
                {
                    return Ok(());
                }
            }
            gst::MessageView::Error(error) => {
                let text = error.error().to_string();
                let debug = error.debug().map(|debug| debug.to_string());
                tell(json!({"event": "error", "element": element, "text": text, "debug": debug}));
                return Err(text.into());
            }
            gst::MessageView::Warning(warning) => {
                let text = warning.error().to_string();
                let debug = warning.debug().map(|debug| debug.to_string());
                tell(json!({"event": "warning", "element": element, "text": text, "debug": debug}));
            }
            gst::MessageView::Eos(_) => tell(json!({"event": "end_of_stream"})),
            gst::MessageView::StateChanged(change)
                if of_pipeline && change.current() == gst::State::Playing =>
            {
                tell(json!({"event": "playing"}));
            }
            gst::MessageView::Element(message) => {
                let text = message.structure().map(|structure| structure.to_string());
                tell(json!({"event": "message", "element": element, "text": text}));
            }
            _ => {}
        }
    }
    Ok(())
}
