import Confounders
import Datasets
import Segmentation
import Statistics
import Studies
import Torch
import Training

extension StudyFigures {
  /// Computes the shifts between sites that the entries of each model's dictionary explain.
  func coverageFigure(
    _ runs: [Run], _ inputs: DiagnosisInputs, fingerprint: String
  ) throws -> CoverageFigure {
    let chosen = try runs.map { try DiagnosisImages($0, catalog, limit: coverageLimit) }
    images.expect(chosen.reduce(0) { $0 + $1.samples.count })
    let rows = try Self.inParallel(runs.count) { index in
      try Self.coverage(runs[index], chosen[index].samples, inputs)
    }
    return CoverageFigure(
      fingerprint: fingerprint, images: DiagnosisImages.rule(limit: coverageLimit),
      rows: rows.compactMap { $0 })
  }

  /// Computes the row of one model.
  ///
  /// It is nil if no entry of its dictionary can be removed, or no two sites can be separated.
  private static func coverage(
    _ run: Run, _ samples: [Sample], _ inputs: DiagnosisInputs
  ) throws -> CoverageFigure.Row? {
    let (system, settings) = (try run.run.compiledSystem(), run.run.configuration)
    let names = run.run.prompts.confounders.map(\.name)
    guard names.count > 1 else { return nil }
    let smaller = try names.indices.map { try system.dictionary.entries.removing($0) }
    let entries = try system.text.confounders.to(.float32).to(.cpu)
    var (before, after, embedding): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
    var without = [[Tensor]](repeating: [], count: names.count)
    try inputs.eachBatch(samples, system, settings) { batch, encoded in
      func found(_ entries: ConfounderEntries? = nil) throws -> (before: Tensor, after: Tensor) {
        var pass = ForwardPass()
        pass.entries = entries
        let found = try system.representation(batch.images, cached: .encoded(encoded), pass)
        return (try found.observed.mean([1]), try (found.intervened ?? found.observed).mean([1]))
      }
      let all = try found()
      before.append(all.before)
      after.append(all.after)
      embedding.append(try encoded.image.to(.float32).to(.cpu).normalized())
      for (index, entries) in smaller.enumerated() {
        without[index].append(try found(entries).after)
      }
    }
    let whole = try Tensor.concatenated(embedding, dim: 0)
    let coverage = try DictionaryCoverage(
      .init(
        before: .concatenated(before, dim: 0), after: .concatenated(after, dim: 0),
        without: without.map { try .concatenated($0, dim: 0) }, embedding: whole,
        coordinates: whole.matmul(entries.transposed()), sites: samples.map(\.site),
        groups: samples.map(\.group)),
      names: names)
    return coverage.map {
      CoverageFigure.Row(
        method: run.result.method, seed: run.result.seed, heldOut: run.result.site, count: samples.count,
        sites: $0.sites, entries: $0.entries)
    }
  }
}
