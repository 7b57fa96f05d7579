import Foundation
import Imaging
import Reviewing
import Storage
import Torch

/// The part of `mcdrl review` that takes the masks that `mcdrl predict` wrote.
enum ReviewPredictions {
  /// The options that go with a folder of predictions.
  private static let fitting: Set<String> = [
    "out", "limit", "controls", "serve", "port", "host", "max-pixels", "json", "quiet", "seed", "threads",
    "device",
  ]

  /// Writes a review.
  ///
  /// - Returns: the description, and the messages of images that failed.
  /// - Throws: `UsageError` for options of a run, or an error that names the file.
  static func write(
    _ place: URL, _ arguments: Arguments<ReviewCommand.Options>, _ console: Console
  ) throws -> (document: ReviewDocument, failures: [String]) {
    if let name = (arguments.givenNames + arguments.common.givenNames).first(where: { !fitting.contains($0) })
    {
      throw UsageError.rejected(
        option: name, text: nil,
        reason: "needs a run, and \(place.shownPath) holds predictions that are made already; leave it out")
    }
    let found = try PredictionFolder(place, limits: InputImages.limits(arguments.maxPixels))
    let out = try arguments.out
    let identity = try ReviewFolder(out).identity(of: nil)
    try ReviewFolder(out).begin()
    let maker = try ReviewMaker(out, classes: found.classes, names: found.inputs.map(\.source.name))
    let bar = ProgressBar("reading", total: found.inputs.count)
    let done = Tally()
    let rows = try concurrentMap(count: found.inputs.count) { index in
      let row = Result { try maker.write(found.inputs[index], found.look(index)) }
        .mapError { PredictCommand.Failure(description: "\($0)") }
      console.progress(bar, done.add(), unit: "images")
      return row
    }
    console.progress("")
    let failures = rows.compactMap { if case .failure(let error) = $0 { error.description } else { nil } }
    let written = rows.compactMap { try? $0.get() }
    guard !written.isEmpty else { throw WorkError.images(failures) }
    var settings = ReviewMaker.Settings()
    settings.limit = try arguments.limit
    settings.controls = try arguments.controls
    settings.seed = try arguments.common.seed
    let chosen = maker.select(written, settings)
    let whole = ReviewMaker.Whole(
      rows: chosen, sites: chosen.map { _ in nil }, videos: [], run: nil, classes: [],
      title: "\(place.lastPathComponent): \(counted(chosen.count, "item"))")
    let document = try ReviewFolder(out).finish(
      whole, layers: maker.layers, threshold: nil, identity: identity)
    return (document, failures)
  }
}
