//! The page of a run.

use std::process::Command;

use super::data::{EXACT, Folder, NUMERICAL};
use super::{prints, refuses};

#[test]
fn a_run_is_one_page_that_needs_nothing_else() {
    let folder = Folder::new();
    let run = folder.run_file(&NUMERICAL.replace("\"mu\"", "\"<mu> & co\""));
    prints(&["fit", &run, "--out", &folder.text("out"), "--quiet", "--expected", "18"]);
    assert!(prints(&["report", &folder.text("out")]).ends_with("report.html\n"));
    let page = std::fs::read_to_string(folder.path("out/report.html")).expect("there");
    for part in [
        "<h2>Fisher information, validation simulations</h2>",
        "<th>parameter</th><th>fiducial</th><th>one-sigma error</th>",
        "&lt;mu&gt; &amp; co",
        "<th>ln det F, expected</th><td>2.89037</td>",
        "<h2>Cautions</h2>",
        "<svg ",
        "<th>stopped because of</th><td>max iterations</td>",
        "delta_theta = [",
        "<th>imnn</th><td>",
    ] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    for part in ["http://", "https://", "<script", "<mu>", "NaN", "null"] {
        let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains(part), "{part} is in the page");
    }
    // It is a part of the run, and made anew.
    prints(&["report", &folder.text("out")]);
    prints(&["fit", &run, "--out", &folder.text("out"), "--quiet", "--force"]);
    assert!(!folder.path("out/report.html").exists());

    // Elsewhere nothing is replaced unasked.
    let out = folder.text("page.html");
    let arguments = ["report", &folder.text("out"), "--out", &out];
    prints(&arguments);
    assert!(refuses(&arguments).contains("page.html exists already"));
    in_a_browser(&out);
}

/// The page as a browser lays it out, on a screen and on a telephone: nothing is wider than the window but what scrolls by itself.
fn in_a_browser(page: &str) {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
    else {
        eprintln!("NOT CHECKED: the page in a browser, for which Chromium is needed");
        return;
    };
    let widened = "<script>onload = () => document.title = document.documentElement.scrollWidth</script></head>";
    let text = std::fs::read_to_string(page).expect("there").replace("</head>", widened);
    std::fs::write(page, text).expect("written");
    // Narrower windows are not made without a device.
    for width in [500, 1200] {
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
        let output = command.arg(format!("--window-size={width},800")).arg(format!("file://{page}")).output();
        let dom = String::from_utf8(output.expect("it starts").stdout).expect("text");
        let title = dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default();
        let found: u32 = title.parse().unwrap_or_else(|_| panic!("no width in {title:?}"));
        assert!(found <= width, "{found} pixels wide in a window of {width}");
    }
}

#[test]
fn what_is_no_run_has_no_page() {
    let folder = Folder::new();
    assert!(refuses(&["report", &folder.text("none")]).contains("model.toml"));
    prints(&["fit", &folder.run_file(EXACT), "--out", &folder.text("out"), "--quiet"]);
    std::fs::remove_file(folder.path("out/report.json")).expect("there");
    assert!(refuses(&["report", &folder.text("out")]).contains("report.json: not there"));
}
