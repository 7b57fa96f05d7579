import Datasets
import Statistics
import Studies
import Torch
import Training

extension StudyFigures {
  /// Computes the scores of linear probes on the features of every model.
  func probeFigure(
    _ runs: [Run], _ inputs: DiagnosisInputs, fingerprint: String
  ) throws -> ProbeFigure {
    let images = try runs.map { try DiagnosisImages($0, catalog, limit: diagnosisLimit) }
    self.images.expect(images.reduce(0) { $0 + $1.samples.count })
    let layers = try Self.inParallel(runs.count) {
      try Self.layers(runs[$0], images[$0].samples, inputs)
    }
    // With a frozen tower, F is the same in all folds. Without an intervention, F is the input of
    // the head.
    var distinct: [ProbeQuestion] = []
    let places = try zip(layers, images).map { layers, images in
      try layers.map { points in
        try points.map { points in
          let question = ProbeQuestion(points: points, samples: images.samples)
          if let same = try distinct.firstIndex(where: { try $0.isSame(as: question) }) { return same }
          distinct.append(question)
          return distinct.count - 1
        }
      }
    }
    let (questions, probe) = (distinct, LinearProbe())
    let known = try KnownConfounders(images.flatMap { $0.samples.map(\.image) })
    let answers = try Self.inParallel(questions.count) {
      try questions[$0].answer(probe, known)
    }
    let rows = runs.indices.map { index in
      func scores(_ score: (ProbeQuestion.Answer) -> ProbeScore?) -> ProbeFigure.Layers<ProbeScore> {
        let found = places[index].map { $0.flatMap { score(answers[$0]) } }
        return .init(before: found[0], after: found[1], head: found[2])
      }
      let isTold = places[index].contains { $0.map { !answers[$0].confounders.isEmpty } ?? false }
      return ProbeFigure.Row(
        method: runs[index].result.method, seed: runs[index].result.seed, heldOut: runs[index].result.site,
        count: images[index].samples.count, trained: images[index].trained, site: scores(\.site),
        confounders: isTold
          ? known.names.indices.map { name in
            ProbeFigure.Confounder(name: known.names[name], score: scores { $0.confounders[name] })
          } : [])
    }
    return ProbeFigure(
      fingerprint: fingerprint, images: DiagnosisImages.rule(limit: diagnosisLimit), folds: probe.folds,
      weight: probe.weight, rows: rows)
  }

  /// Returns F, F_ca and the input of the head, each a mean over positions, n×d.
  ///
  /// A layer that the model does not have is nil.
  private static func layers(_ run: Run, _ samples: [Sample], _ inputs: DiagnosisInputs) throws -> [Tensor?] {
    let (system, settings) = (try run.run.compiledSystem(), run.run.configuration)
    let decodesItself = settings.model.method.traits.replacesHead
    var (before, after, head): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
    try inputs.eachBatch(samples, system, settings) { batch, encoded in
      let found = try system.representation(batch.images, cached: .encoded(encoded))
      before.append(try found.observed.mean([1]))
      if let intervened = found.intervened { after.append(try intervened.mean([1])) }
      if !decodesItself { head.append(try found.grid.mean([1])) }
    }
    return try [before, after, head].map { $0.isEmpty ? nil : try .concatenated($0, dim: 0) }
  }
}

/// The features of some images, for probes of site and confounders.
private struct ProbeQuestion: Sendable {
  let points: Tensor
  let samples: [Sample]

  /// The scores; none for confounders if the data does not state them.
  struct Answer: Sendable {
    let site: ProbeScore?
    let confounders: [ProbeScore?]
  }

  func isSame(as other: ProbeQuestion) throws -> Bool {
    try samples.map(\.image) == other.samples.map(\.image) && points.isEqual(to: other.points)
  }

  func answer(_ probe: LinearProbe, _ known: KnownConfounders) throws -> Answer {
    let strengths = samples.map { known.strengths(of: $0.image) }
    let told = samples.indices.filter { strengths[$0] != nil }
    let columns = known.names.map { name in
      told.map { (strengths[$0]?[name] ?? 0) >= Faithfulness.presentFrom }
    }
    return Answer(
      site: try probe.choice(points, labels: samples.map(\.site), groups: samples.map(\.group))?.score,
      confounders: told.isEmpty
        ? []
        : try probe.presence(
          points.indexed(Tensor(told)), columns: columns, groups: told.map { samples[$0].group },
          strata: told.map { samples[$0].site }))
  }
}
