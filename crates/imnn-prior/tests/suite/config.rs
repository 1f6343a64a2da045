//! Priors in files.

use imnn_io::Document;
use imnn_prior::config;

use super::{ALL, prior_of};

#[track_caller]
fn fails(text: &str, expected: &str) {
    let document = Document::parse(text, "infer.toml").unwrap();
    assert_eq!(config::read(&document.root()).unwrap_err().to_string(), expected);
}

#[test]
fn laws_are_written_as_they_are_read() {
    for text in ALL {
        let prior = prior_of(&format!(
            "x = {{ {text} }}\n\"a b\" = {{ uniform = [0, 1] }}\n[[constraint]]\ncoefficients = {{ \"a b\" = 1.5, x = 1 }}\nat_most = 20"
        ));
        let written = prior.to_toml().unwrap();
        let document = Document::parse(&written, "again.toml").unwrap();
        let again = config::read(&document.root()).unwrap();
        assert_eq!(again.to_toml().unwrap(), written);
        assert_eq!(again.acceptance(), prior.acceptance());
    }
    let block = prior_of(
        "z = { uniform = [0, 1] }\n[prior.multivariate_normal]\nparameters = [\"b\", \"a\"]\nmean = [0, 1]\ncovariance = [[1, 0], [0, 2]]",
    );
    let text = block.to_toml().unwrap();
    let again = config::read(&Document::parse(&text, "again.toml").unwrap().root()).unwrap();
    assert_eq!(again.names(), ["z", "b", "a"]);
}

#[test]
fn faults_have_lines_and_keys() {
    fails(
        "seed = 1\n",
        "infer.toml line 1: the key \"prior\" is missing: a table of parameters with their laws, such as [prior] with the line Omega_c = { uniform = [0.1, 0.5] }",
    );
    fails(
        "[prior]\na = { unifrm = [0, 1] }\n",
        "infer.toml line 2: prior.a: unknown key \"unifrm\"; did you mean \"uniform\"?",
    );
    fails(
        "[prior]\na = { uniform = [1, 0] }\n",
        "infer.toml line 2: prior.a.uniform: uniform: high is 0, expected a finite number above low = 1.0",
    );
    fails(
        "[prior]\na = { uniform = [1] }\n",
        "infer.toml line 2: prior.a.uniform: expected [low, high], found 1 numbers",
    );
    fails(
        "[prior]\na = { normal = { mean = 0.0 } }\n",
        "infer.toml line 2: prior.a.normal: the key \"sd\" is missing: [mean, sd]",
    );
    fails(
        "[prior]\na = { normal = { mean = 0.0, sigma = 1 } }\n",
        "infer.toml line 2: prior.a.normal: unknown key \"sigma\"; expected one of mean, sd",
    );
    fails(
        "[prior]\na = { normal = \"wide\" }\n",
        "infer.toml line 2: prior.a.normal: expected [mean, sd], found the text \"wide\"",
    );
    fails(
        "[prior]\na = { normal = [0, 1], uniform = [0, 1] }\n",
        "infer.toml line 2: prior.a: expected one law, such as { uniform = [0.0, 1.0] }, found 2; laws are uniform, normal, lognormal, loguniform, truncated_normal, half_normal, beta, gamma, table",
    );
    fails(
        "[prior]\na = 3\n",
        "infer.toml line 2: prior.a: expected a law such as { uniform = [0.0, 1.0] } (one of uniform, normal, lognormal, loguniform, truncated_normal, half_normal, beta, gamma, table), found the integer 3",
    );
    fails(
        "[prior]\na = { uniform = [0, 1] }\n[[constraint]]\ncoefficients = { b = 1 }\nat_most = 1\n",
        "infer.toml line 3: constraint: constraint \"1 b <= 1\": there is no parameter \"b\"; did you mean \"a\"?",
    );
    fails(
        "[prior]\na = { uniform = [0, 1] }\n[[constraint]]\ncoefficients = { a = 1 }\nat_least = 1\n",
        "infer.toml line 5: constraint[0]: unknown key \"at_least\"; expected one of coefficients, at_most",
    );
    fails(
        "[prior]\n[prior.multivariate_normal]\nparameters = [\"a\"]\nmean = [0]\ncovariance = [[1, 0]]\n",
        "infer.toml line 5: prior.multivariate_normal.covariance: a row has 2 numbers, expected 1: one for each parameter",
    );
    fails(
        "[prior]\na = { table = { theta = [0, 1] } }\n",
        "infer.toml line 2: prior.a.table: the key \"cdf\" is missing: { theta = [...], cdf = [...] }, cdf from 0 to 1",
    );
}
