//! Runs one GStreamer pipeline that may contain `webrtcsink` and `webrtcsrc`, until standard input ends.
//!
//! The only argument is the pipeline, as for `gst-launch-1.0`. Every line on standard output is an event, as JSON:
//! `welcome` (element, peer_id) when the signalling server has welcomed an element, `consumer_added` and
//! `consumer_removed` (peer_id) of a `webrtcsink`, `track` (kind, codec) for what a `webrtcsrc` receives, `playing`,
//! `message` (element, text) for what elements post on the bus, `warning` and `error` (element, text, debug),
//! `end_of_stream`, `closed`. A pipeline that fails ends the program with exit code 1.

use std::error::Error;
use std::io::Read;
use std::process::ExitCode;
use std::thread;

use gst::glib;
use gst::prelude::*;
use serde_json::{Value, json};

const CLOSE: &str = "gst-media-peer-close";

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
    close_at_end_of_input(&pipeline, &bus);
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

fn close_at_end_of_input(pipeline: &gst::Pipeline, bus: &gst::Bus) {
    let (pipeline, bus) = (pipeline.clone(), bus.clone());
    thread::spawn(move || {
        let mut ignored = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut ignored);
        let structure = gst::Structure::new_empty(CLOSE);
        let _ = bus.post(
            gst::message::Application::builder(structure)
                .src(&pipeline)
                .build(),
        );
    });
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
