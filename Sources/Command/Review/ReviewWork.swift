import Explaining
import Foundation
import Metrics
import Reviewing
import Storage
import Torch
import Training

/// The work of `mcdrl review`, whose failures do not stop each other.
final class ReviewWork {
  private let run: Run
  private let predictor: Predictor
  private let out: URL
  private let console: Console
  /// The messages of inputs that failed.
  private(set) var failures: [String] = []

  init(_ run: Run, _ predictor: Predictor, _ out: URL, _ console: Console) {
    (self.run, self.predictor, self.out, self.console) = (run, predictor, out, console)
  }

  /// Predicts, explains and writes everything.
  func write(
    _ found: InputImages, _ arguments: Arguments<ReviewCommand.Options>,
    _ identity: (id: String, created: String)?
  ) throws -> ReviewDocument {
    let (videos, frames) = try segment(found, frames: arguments.frames)
    var inputs =
      found.images.map { ReviewInput($0, file: $0.shown(as: found.shownName(of: $0.file))) } + frames
    let (origin, isKnown) = try stateSites(&inputs, data: arguments.data)
    let maker = try ReviewMaker(out, classes: run.configuration.classes, names: inputs.map(\.source.name))
    let (rows, sites) = try predict(inputs, maker)
    guard !rows.isEmpty else { throw WorkError.inputs(failures) }
    var settings = ReviewMaker.Settings()
    settings.limit = try arguments.limit
    settings.controls = try arguments.controls
    settings.explained = try arguments.explain
    settings.seed = try arguments.common.seed
    let bySite = Dictionary(zip(rows.map(\.id), sites)) { first, _ in first }
    let sources = Dictionary(
      zip(ReviewID.make(for: inputs.map(\.source.name)), inputs)
    ) { first, _ in first }
    let chosen = try explain(maker.select(rows, settings), sources, maker, settings)
    let ids = ReviewID.make(for: videos.map(\.name))
    let whole = ReviewMaker.Whole(
      rows: chosen, sites: chosen.map { bySite[$0.id] ?? nil },
      videos: Array(zip(ids, videos).map { (id: $0, video: $1) }), run: origin, classes: run.prompts.classes,
      title: "\(run.folder.url.lastPathComponent): \(counted(chosen.count, "item"))")
    for (id, video) in whole.videos { try maker.write(video, id: id) }
    let level: Double? = if case .fixed(let level) = predictor.threshold { level } else { nil }
    if !isKnown, let site = run.configuration.holdOut {
      console.note(
        "note: the data of the run is not there, so no image was compared with \(site), which it withheld; "
          + "give its data folder with --data")
    }
    return try ReviewFolder(out).finish(
      whole, layers: maker.layers, threshold: predictor.rule.isThresholdAlone ? level : nil,
      identity: identity)
  }

  /// States sites and patients, and describes the run.
  private func stateSites(
    _ inputs: inout [ReviewInput], data: String?
  ) throws -> (origin: ReviewDocument.Origin, isKnown: Bool) {
    let configuration = run.configuration
    var heldOut = Set([configuration.holdOut].compactMap { $0 })
    let catalog =
      try data.map { try run.catalog(at: URL(fileURLWithPath: $0), allowsMissingMasks: true) }
      ?? (try? run.catalog(allowsMissingMasks: true))
    if let catalog {
      let match = SiteMatch(catalog, of: run)
      for index in inputs.indices { match.state(&inputs[index]) }
      heldOut.formUnion(match.heldOut)
    }
    let withholds = !heldOut.isEmpty || run.lists?.testSites.isEmpty == false
    return (
      ReviewDocument.Origin(
        name: run.folder.url.lastPathComponent, method: predictor.methodLabel,
        trainedOn: configuration.sources, heldOut: heldOut.sorted(),
        heldOutChecked: catalog != nil || !withholds, facts: [["prediction", predictor.statement]]),
      catalog != nil
    )
  }

  /// Segments images in parallel, and writes the files of each.
  private func predict(
    _ inputs: [ReviewInput], _ maker: ReviewMaker
  ) throws -> (rows: [ReviewQueue.Row], sites: [String?]) {
    let bar = ProgressBar("predicting", total: inputs.count)
    let done = Tally()
    let byName = Dictionary(inputs.map { ($0.source.name, $0) }) { first, _ in first }
    let (console, predictor) = (console, predictor)
    @Sendable func look(at found: Predictor.Prediction, _ source: PredictionInput) throws -> ReviewMaker.Look
    {
      guard let picture = found.picture else {
        throw FileError.cannotRead(source.file, reason: "it has no picture")
      }
      let all = found.probability
      let probability = try all.rank > 2 ? all : all.expandedDimension(0)
      return ReviewMaker.Look(
        masks: try predictor.rule.mask(probability), probability: probability, picture: picture,
        certainty: found.certainty)
    }
    let outcomes = try predictor(
      inputs: inputs.map(\.source), keepingPictures: true,
      make: { source, found in
        Result { () throws -> ReviewQueue.Row? in
          let look = try look(at: found.get(), source)
          return try byName[source.name].map { try maker.write($0, look) }
        }.mapError { PredictCommand.Failure(description: "\($0)") }
      },
      store: { made in
        // A folder that cannot be written stops all.
        console.progress(bar, done.add(), unit: "images")
        return made
      })
    console.progress("")
    var (rows, sites): ([ReviewQueue.Row], [String?]) = ([], [])
    for (input, outcome) in zip(inputs, outcomes) {
      switch outcome {
      case .success(let row):
        guard let row else { continue }
        rows.append(row)
        sites.append(input.site)
      case .failure(let error): failures.append(error.description)
      }
    }
    return (rows, sites)
  }

  /// Explains the least sure items and the controls.
  private func explain(
    _ rows: [ReviewQueue.Row], _ sources: [String: ReviewInput], _ maker: ReviewMaker,
    _ settings: ReviewMaker.Settings
  ) throws -> [ReviewQueue.Row] {
    guard settings.explained > 0 else { return rows }
    let explainer: Explainer
    do { explainer = try Explainer(run, with: predictor) } catch let error as ExplainingError {
      console.note("note: the review has no explanations: \(error)")
      return rows
    }
    let order = rows.indices.sorted {
      (rows[$1].unsure ?? 0, $0) < (rows[$0].unsure ?? 0, $1)
    }
    // In the order of the inputs, because a video is read forwards.
    let chosen = order.filter { rows[$0].isControl }.prefix(settings.explained)
    let rest = order.filter { !rows[$0].isControl }.prefix(settings.explained - chosen.count)
    let places = (chosen + rest).sorted()
    let bar = ProgressBar("explaining", total: places.count)
    var explained = rows
    for (count, place) in places.enumerated() {
      if let input = sources[rows[place].id] {
        let strength = 1.0
        do {
          let changes = try explainer.changes(ExplanationInput(input.source), strength: strength)
          explained[place] = try maker.add(changes, strength: strength, to: rows[place])
        } catch let error as FileError {
          if case .cannotWrite = error { throw error }
          failures.append("\(error)")
        } catch { failures.append("\(error)") }
      }
      console.progress(bar, count + 1, unit: "images")
    }
    console.progress("")
    return explained
  }

  /// Segments videos, and chooses the frames to review.
  private func segment(
    _ all: InputImages, frames: Int
  ) throws -> (videos: [ReviewedVideo], frames: [ReviewInput]) {
    var (found, inputs): ([ReviewedVideo], [ReviewInput]) = ([], [])
    for video in all.videos {
      do {
        let reviewed = try ReviewVideos.segment(
          video, shown: all.shownName(of: video.file), predictor, in: out, console)
        let places = reviewed.chosen(frames)
        let stills = video.stills(at: places.map { reviewed.frames[$0].time }, or: places.count)
        inputs += zip(places, stills).map { place, still in
          ReviewInput(
            still, file: still.name, video: found.count, frame: reviewed.frames[place].index)
        }
        found.append(reviewed)
      } catch let error as Interruption {
        throw error
      } catch { failures.append("\(error)") }
    }
    return (found, inputs)
  }
}

extension PredictionInput {
  /// The name for people: that of the file, and the frame if it has several.
  fileprivate func shown(as file: String) -> String { file + (frame.map { ", frame \($0)" } ?? "") }
}
