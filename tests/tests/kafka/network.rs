//! What lies between the pipeline and the broker: TLS, passwords, and a network that fails.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use plumbline_simulator::{generate, plan_toml};
use plumbline_tests::broker::{Broker, free_ports};
use plumbline_tests::host::configured_plan;
use plumbline_tests::proxy::Proxy;
use plumbline_tests::world::{World, eventually};

use crate::engine::{send_events, settled, topics_equal_backtest, trap};
use crate::support::{host, send_leads, world};

const USER: &str = "plumbline";
const PASSWORD: &str = "only-for-this-test";

/// Whether there is a broker to be had of one's own; where not, that has been said.
pub(crate) fn own_brokers(test: &str) -> bool {
    world(test).is_some() && std::env::var_os("PLUMBLINE_TEST_KAFKA").is_none()
}

/// A key and a certificate for 127.0.0.1, by the keytool that comes with java.
fn certificate(folder: &Path) -> anyhow::Result<()> {
    let keytool = |arguments: &[&str]| -> anyhow::Result<()> {
        let status = Command::new("keytool")
            .args(arguments)
            .args(["-alias", "broker", "-storepass", PASSWORD, "-keystore", "broker.p12"])
            .current_dir(folder)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .context("keytool")?;
        ensure!(status.success(), "keytool {arguments:?}");
        Ok(())
    };
    keytool(&[
        "-genkeypair",
        "-keyalg",
        "EC",
        "-validity",
        "30",
        "-storetype",
        "PKCS12",
        "-dname",
        "CN=broker",
        "-ext",
        "san=ip:127.0.0.1",
    ])?;
    keytool(&["-exportcert", "-rfc", "-file", "ca.pem"])
}

/// Beside the open listener one that wants TLS and a password.
fn secure_properties(folder: &Path, [port, controller]: [u16; 2], secure: u16) -> String {
    let login = |module: &str, rest: &str| {
        format!(
            "org.apache.kafka.common.security.{module}LoginModule required username=\"{USER}\" password=\"{PASSWORD}\"{rest};"
        )
    };
    let plain = login("plain.Plain", &format!(" user_{USER}=\"{PASSWORD}\""));
    let scram = login("scram.Scram", "");
    format!(
        "listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL\n\
         inter.broker.listener.name=PLAINTEXT\n\
         sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256\n\
         listener.name.secure.plain.sasl.jaas.config={plain}\n\
         listener.name.secure.scram-sha-256.sasl.jaas.config={scram}\n\
         ssl.keystore.type=PKCS12\nssl.keystore.location={}/broker.p12\nssl.keystore.password={PASSWORD}\n",
        folder.display()
    )
}

#[test]
fn a_broker_that_wants_tls_and_a_password_is_served_by_plain_and_scram_and_refuses_a_wrong_one() {
    if !own_brokers("secure") {
        return;
    }
    let secure = free_ports().unwrap()[0];
    let mut ca = None;
    let user = format!("{USER}={PASSWORD}");
    let broker = Broker::start_with(&["--scram", &user], |folder, ports| {
        certificate(folder)?;
        ca = Some(folder.join("ca.pem").display().to_string());
        Ok(secure_properties(folder, ports, secure))
    })
    .unwrap();
    let mut wrong = None;
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let mut world = World::new(broker.address(), "secure").unwrap();
        send_leads(&world, 0..500);
        for (key, value) in [
            ("bootstrap.servers", format!("127.0.0.1:{secure}")),
            ("security.protocol", "SASL_SSL".to_owned()),
            ("ssl.ca.location", ca.clone().unwrap()),
            ("sasl.mechanism", mechanism.to_owned()),
            ("sasl.username", USER.to_owned()),
            ("sasl.password", PASSWORD.to_owned()),
        ] {
            world.config.kafka.insert(key.to_owned(), value);
        }
        let running = host(&world.config, "all");
        eventually("all leads are in the log", 60, || Ok(world.log_events()? == 500)).unwrap();
        assert!(running.stop().unwrap());
        wrong = Some(world.config);
    }
    let mut wrong = wrong.unwrap();
    wrong.kafka.insert("sasl.password".into(), "not-the-password".into());
    let refused = plumbline_pipeline::ensure_topics(&wrong).unwrap_err().to_string();
    assert!(!refused.contains("not-the-password"), "{refused}");
}

#[test]
fn connections_cut_delayed_and_swallowed_lose_and_double_nothing() {
    if !own_brokers("network") {
        return;
    }
    let behind = free_ports().unwrap()[0];
    let proxy = Proxy::start(behind).unwrap();
    let front = proxy.port();
    // Clients that come through the proxy are told to stay there.
    let broker = Broker::start_with(&[], |_, [port, controller]| {
        Ok(format!(
            "listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{front}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT\n\
             inter.broker.listener.name=PLAINTEXT\n"
        ))
    })
    .unwrap();
    let mut world = World::new(broker.address(), "network").unwrap();
    let spec = trap();
    world.config.plans = vec![configured_plan("default", &plan_toml(&spec)).unwrap()];
    world.config.intake.clock_every = Duration::from_secs(1);
    world.config.intake.commit_messages = 200;
    world.config.engine.transaction_outputs = 5;
    let direct = world.config.clone();
    world.config.kafka.insert("bootstrap.servers".into(), format!("127.0.0.1:{front}"));
    let mut running = host(&world.config, "all");
    eventually("it is ready", 60, || Ok(running.report().ready)).unwrap();
    let events: Vec<_> = generate(&spec).collect();
    let mut parts = events.chunks(events.len().div_ceil(4));
    let mut sent = 0;
    let mut send = || send_events(&world, parts.next().unwrap_or_default().iter().cloned());
    for pause in [130, 310] {
        sent += send();
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(pause));
            proxy.cut();
        }
    }
    proxy.delay(Duration::from_millis(150));
    sent += send();
    std::thread::sleep(Duration::from_secs(4));
    proxy.delay(Duration::ZERO);
    sent += send();
    // Longer than a transaction may stay open, and then the connections are gone.
    proxy.swallow(true);
    std::thread::sleep(Duration::from_secs(12));
    proxy.cut();
    proxy.swallow(false);
    let mut restarts = 0;
    let mut again = |running: &mut _| {
        let running: &mut plumbline_tests::host::Host = running;
        if !running.runs() {
            // Its transaction was ended for it: a supervisor starts it again.
            restarts += 1;
            *running = host(&world.config, "all");
        }
    };
    eventually("all inputs are in the log", 120, || {
        again(&mut running);
        Ok(world.log_events()? >= sent)
    })
    .unwrap();
    again(&mut running);
    settled(&world, &running, sent);
    assert!(running.stop().unwrap());
    eprintln!("restarted {restarts} times");
    world.config = direct;
    assert!(topics_equal_backtest(&world, sent) > 0);
}
