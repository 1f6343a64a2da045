//! The commands for a card, carried out on the host, against the same definition; and the kernels' own laws: no access out
//! of bounds, no two threads at one number, the same bits in whatever order the threads run.

use crate::commands::emulated::Emulated;
use crate::commands::{Backend, Command, Span};
use crate::lower::{Lowering, Spans, TableSpans, WeightSpans, derive, fold, lengths, n_weights, tables, taps};
use imnn_agreement::{Case, numbers};
use imnn_engine::{MicrobatchCotangents, Plan, Program, Rows, Saved};
use imnn_models::{Activation, Element, Model, Result, dense, serial};
use imnn_sim::{Key, rand::Rng};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A plan run as commands, each microbatch on a card of its own.
struct OnCard<E> {
    plan: Plan<E>,
    weights: Vec<E>,
    /// Numbers of patches at a time.
    patches: usize,
}

impl<E: Element> OnCard<E> {
    fn new(model: &Model, patches: usize) -> Self {
        OnCard { plan: Plan::without_pooled(model).unwrap(), weights: vec![], patches }
    }

    /// Summaries, and with cotangents the gradient, of threads in one order.
    fn pass(
        &self,
        rows: Rows,
        input: &[E],
        cotangents: Option<MicrobatchCotangents<'_, E>>,
        backwards: bool,
    ) -> (Vec<E>, Vec<E>, Emulated) {
        let mut card = Emulated::new(size_of::<E>());
        card.backwards = backwards;
        let mut put = |values: &[E]| -> Span {
            let memory = card.allocate(size_of_val(values)).unwrap();
            card.upload(memory, 0, bytemuck::cast_slice(values)).unwrap();
            Span { memory, start: 0, len: values.len() }
        };
        let needs = lengths(&self.plan, rows, self.patches);
        let n_summaries = self.plan.buffers[self.plan.output].size;
        assert_eq!((self.weights.len(), input.len()), (self.plan.n_weights, needs.input));
        let nans = |len: usize| vec![E::nan(); len];
        let (values, tangents) = cotangents.map_or((&[][..], &[][..]), |given| (given.values, given.tangents));
        let n_weights = n_weights(&self.plan);
        let mut weights = self.weights.clone();
        weights.resize(n_weights, E::nan());
        let mut spans = Spans {
            input: put(input),
            saved: put(&nans(needs.saved)),
            indices: Span { memory: 0, start: 0, len: 0 },
            arena: put(&nans(needs.arena)),
            patches: put(&nans(needs.patches)),
            partial: put(&nans(needs.partial)),
            weights: put(&weights),
            gradient: put(&nans(n_weights)),
            values: put(values),
            tangents: put(tangents),
            summaries: put(&nans(rows.total() * n_summaries)),
        };
        let mut indices = |values: &[u32]| -> Span {
            let memory = card.allocate(size_of_val(values)).unwrap();
            card.upload(memory, 0, bytemuck::cast_slice(values)).unwrap();
            Span { memory, start: 0, len: values.len() }
        };
        spans.indices = indices(&vec![u32::MAX; needs.indices]);
        let taps = taps(&self.plan).map(&mut indices).collect();
        let none = Span { len: 0, ..spans.input };
        let mut placed: Vec<TableSpans> = Vec::new();
        let tables = tables(&self.plan);
        for table in &tables {
            let (taps, first, readers) = (indices(&table.taps), indices(&table.first), indices(&table.readers));
            placed.push(TableSpans { taps, first, readers, constants: none });
        }
        for (table, placed) in tables.iter().zip(&mut placed) {
            let constants: Vec<E> = table.constants.iter().map(|&constant| E::of(constant)).collect();
            let memory = card.allocate(size_of_val(&constants[..])).unwrap();
            card.upload(memory, 0, bytemuck::cast_slice(&constants)).unwrap();
            placed.constants = Span { memory, start: 0, len: constants.len() };
        }
        let all = WeightSpans { weights: spans.weights, gradient: spans.gradient, taps };
        let lowering = || Lowering::new(&self.plan, rows, spans, &placed, self.patches);
        let mut sequences = vec![derive(&self.plan, &all), lowering().forward()];
        if cotangents.is_some() {
            sequences.extend([vec![Command::Zero(spans.gradient)], lowering().backward(), fold(&self.plan, &all)]);
        }
        for commands in sequences {
            let sequence = card.prepare(commands).unwrap();
            card.run(sequence).unwrap();
        }
        let mut get = |span: Span| {
            let mut values = vec![E::nan(); span.len];
            card.download(span.memory, 0, bytemuck::cast_slice_mut(&mut values)).unwrap();
            values
        };
        (get(spans.summaries), get(spans.gradient.part(0..self.plan.n_weights)), card)
    }

    fn both(&self, rows: Rows, input: &[E], cotangents: Option<MicrobatchCotangents<'_, E>>) -> (Vec<E>, Vec<E>) {
        let (summaries, gradient, _) = self.pass(rows, input, cotangents, false);
        let (again, gradient_again, _) = self.pass(rows, input, cotangents, true);
        assert_eq!(bytemuck::cast_slice::<E, u8>(&summaries), bytemuck::cast_slice::<E, u8>(&again));
        assert_eq!(bytemuck::cast_slice::<E, u8>(&gradient), bytemuck::cast_slice::<E, u8>(&gradient_again));
        (summaries, gradient)
    }
}

impl<E: Element> Program<E> for OnCard<E> {
    fn saved_len(&self, rows: Rows) -> (usize, usize) {
        (self.plan.buffers[0].size * rows.total(), 0)
    }

    fn scratch_len(&self, _: Rows) -> usize {
        0
    }

    fn gradient_len(&self) -> usize {
        self.plan.n_weights
    }

    fn load(&mut self, weights: &[E]) {
        self.weights = weights.to_vec();
    }

    fn forward(&self, _: &[E], rows: Rows, saved: &mut Saved<E>, _: &mut [E], summaries: &mut [E]) -> Result<()> {
        summaries.copy_from_slice(&self.both(rows, &saved.numbers, None).0);
        Ok(())
    }

    fn backward(
        &self,
        _: &[E],
        rows: Rows,
        saved: &Saved<E>,
        cotangents: MicrobatchCotangents<'_, E>,
        _: &mut [E],
        gradient: &mut [E],
    ) -> Result<()> {
        let (_, own) = self.both(rows, &saved.numbers, Some(cotangents));
        gradient.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        Ok(())
    }

    fn finish(&self, _: &[E], _: &mut [E]) {}
}

const CASES: u32 = 400;

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_global_rejects: CASES / 20, ..ProptestConfig::default() })]

    #[test]
    fn cards_agree_with_the_definition_in_double_precision(numbers in numbers(), seed in any::<u64>()) {
        let case = Case::random(&numbers, seed);
        case.check::<f64>(OnCard::new(&case.model, 1 << (seed % 16)), 1e-11)?;
    }

    #[test]
    fn cards_agree_with_the_definition_in_single_precision(numbers in numbers(), seed in any::<u64>()) {
        let case = Case::random(&numbers, seed);
        case.check::<f32>(OnCard::new(&case.model, 1 << (seed % 16)), 1e-5)?;
    }
}

/// A network of dense layers alone, wider than a tile or narrower, and with more simulations than a tile or fewer.
fn dense_case(seed: u64) -> Case {
    let mut rng = Key::new(seed).rng();
    let mut below = |n: usize| Rng::next_u32(&mut rng) as usize % n;
    let width = |k: usize| [1, 5, 32, 64, 70, 130][k];
    let activation = Activation::ALL[below(Activation::ALL.len())];
    let mut layers = Vec::new();
    for _ in 0..below(4) {
        layers.extend([dense(width(below(6))), activation.into()]);
    }
    layers.push(dense(1 + below(4)));
    let model = Model::new(serial(layers), &[width(below(5))]).unwrap();
    let tangents = below(6);
    Case::of(model, [1 + below(80), 1 + below(40)].map(|n| Rows { n, tangents }), seed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES / 10, max_global_rejects: CASES, ..ProptestConfig::default() })]

    #[test]
    fn dense_networks_agree_with_the_definition(seed in any::<u64>()) {
        let case = dense_case(seed);
        case.check::<f64>(OnCard::new(&case.model, 1 << 10), 1e-11)?;
        case.check::<f32>(OnCard::new(&case.model, 1 << 10), 1e-5)?;
    }
}

/// What the random networks run on a card: every kernel, and patches in one chunk and in several.
#[test]
fn every_kernel_runs() {
    let mut seen = BTreeSet::new();
    let mut chunked = false;
    for seed in 0..u64::from(CASES) {
        let case = if seed % 8 == 0 { dense_case(seed) } else { Case::drawn(seed) };
        let mut card = OnCard::<f64>::new(&case.model, 1 << (seed % 16));
        card.load(&case.weights);
        let cotangents = MicrobatchCotangents { values: &case.cotangents[0], tangents: &case.tangents };
        let (_, _, run) = card.pass(case.microbatches[0], &case.data[0], Some(cotangents), false);
        chunked |= run.chunked();
        seen.extend(run.seen);
    }
    let all: BTreeSet<&str> = crate::commands::kernels::names_of_passes().into_iter().collect();
    assert_eq!(all.difference(&seen).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(chunked);
}
