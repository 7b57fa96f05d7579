import Explaining
import Foundation
import Metrics
import Reviewing
import Storage
import Torch
import Training

/// The work of `mcdrl review`, whose failures do not stop each other.
///
/// Items that an earlier call made of the same model and inputs are kept.
final class ReviewWork {
  private let run: Run
  private let predictor: Predictor
  private let out: URL
  private let console: Console
  /// The hash of the model, by which a later call knows what is its own.
  private let model: String
  private let hashes = InputHashes()
  /// The items with an explanation of an earlier call.
  private var explained: Set<String> = []
  /// The messages of inputs that failed.
  private(set) var failures: [String] = []

  init(_ run: Run, _ predictor: Predictor, _ out: URL, _ console: Console) throws {
    (self.run, self.predictor, self.out, self.console) = (run, predictor, out, console)
    model = try ReviewOrigin.model(predictor, of: run)
  }

  /// Predicts, explains and writes everything.
  func write(
    _ found: InputImages, _ arguments: Arguments<ReviewCommand.Options>,
    _ identity: (id: String, created: String)?
  ) throws -> ReviewDocument {
    Interrupt.watch()
    defer { Interrupt.unwatch() }
    let (videos, frames) = try segment(found, frames: arguments.frames)
    var inputs =
      named(found).map { ReviewInput($0, file: $0.shown(as: found.shownName(of: $0.file))) } + frames
    try requireDifferentNames(inputs)
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
    let whole = ReviewMaker.Whole(
      rows: chosen, sites: chosen.map { bySite[$0.id] ?? nil }, videos: videos, run: origin,
      classes: run.prompts.classes,
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

  /// Returns the images, each under the name that the review knows it by.
  ///
  /// Images of one stem are named by their folders, too. An image that was reviewed before another one of its
  /// stem came keeps its name, and so its decisions.
  private func named(_ found: InputImages) -> [PredictionInput] {
    let review = ReviewFolder(out)
    var taken: Set<String> = []
    return found.images.map { image in
      guard let stem = found.stems[image.name] else { return image }
      let names =
        [image.name, stem] + FolderNames.paths(of: image.file).map { image.named(by: $0).name }
      let known = names.first { !taken.contains($0) && review.knows($0, as: image, hashes) } ?? image.name
      taken.insert(known)
      return image.named(known)
    }
  }

  /// Refuses an image that is called like a frame of a video.
  private func requireDifferentNames(_ inputs: [ReviewInput]) throws {
    var known: [String: URL] = [:]
    for input in inputs.map(\.source) {
      if let other = known.updateValue(input.file, forKey: input.name) {
        throw WorkError.sameStem(other, input.file)
      }
    }
  }

  /// Segments images in parallel, and writes the files of each.
  private func predict(
    _ inputs: [ReviewInput], _ maker: ReviewMaker
  ) throws -> (rows: [ReviewQueue.Row], sites: [String?]) {
    let (console, predictor, model, hashes, out) = (console, predictor, model, hashes, out)
    let kept = try concurrentMap(count: inputs.count) { maker.kept(inputs[$0], by: model, hashes) }
    explained = Set(kept.compactMap { $0?.isExplained == true ? $0?.row.id : nil })
    let missing = inputs.indices.filter { kept[$0] == nil }
    if missing.count < inputs.count {
      let kept = inputs.count - missing.count
      console.note("kept of an earlier call: \(kept) of \(counted(inputs.count, "item"))")
    }
    let bar = ProgressBar("predicting", total: missing.count)
    let done = Tally()
    let byName = Dictionary(inputs.map { ($0.source.name, $0) }) { first, _ in first }
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
      inputs: missing.map { inputs[$0].source }, keepingPictures: true,
      make: { source, found in
        Result { () throws -> ReviewQueue.Row? in
          let look = try look(at: found.get(), source)
          let origin = try ReviewOrigin(model: model, input: hashes.hash(of: source))
          return try byName[source.name].map { try maker.write($0, look, of: origin) }
        }.mapError { PredictCommand.Failure(description: "\($0)") }
      },
      store: { made in
        // A folder that cannot be written stops all.
        console.progress(bar, done.add(), unit: "images")
        if Interrupt.requested { throw Interruption.reviewing(out) }
        return made
      })
    console.progress("")
    var made = kept.map { $0.map { Result<ReviewQueue.Row?, PredictCommand.Failure>.success($0.row) } }
    for (place, outcome) in zip(missing, outcomes) { made[place] = outcome }
    var (rows, sites): ([ReviewQueue.Row], [String?]) = ([], [])
    for (input, outcome) in zip(inputs, made) {
      switch outcome {
      case .success(let row?):
        rows.append(row)
        sites.append(input.site)
      case .failure(let error): failures.append(error.description)
      case .success(nil), nil: continue
      }
    }
    return (rows, sites)
  }

  /// Explains the least sure items and the controls.
  private func explain(
    _ rows: [ReviewQueue.Row], _ sources: [String: ReviewInput], _ maker: ReviewMaker,
    _ settings: ReviewMaker.Settings
  ) throws -> [ReviewQueue.Row] {
    let explainer = try explainer(settings)
    let order = rows.indices.sorted {
      (rows[$1].unsure ?? 0, $0) < (rows[$0].unsure ?? 0, $1)
    }
    // They are explained in the order of the inputs, because a video is read forwards.
    let most = explainer == nil ? 0 : settings.explained
    let chosen = order.filter { rows[$0].isControl }.prefix(most)
    let rest = order.filter { !rows[$0].isControl }.prefix(most - chosen.count)
    let places = Set(chosen + rest)
    var result = rows
    for place in rows.indices where !places.contains(place) && explained.contains(rows[place].id) {
      result[place] = try maker.withoutExplanation(rows[place])
    }
    guard let explainer else { return result }
    let missing = places.filter { !explained.contains(rows[$0].id) }.sorted()
    let bar = ProgressBar("explaining", total: missing.count)
    for (count, place) in missing.enumerated() {
      if let input = sources[rows[place].id] {
        let strength = 1.0
        do {
          let changes = try explainer.changes(ExplanationInput(input.source), strength: strength)
          result[place] = try maker.add(changes, strength: strength, to: rows[place])
        } catch let error as FileError {
          if case .cannotWrite = error { throw error }
          failures.append("\(error)")
        } catch { failures.append("\(error)") }
      }
      console.progress(bar, count + 1, unit: "images")
      if Interrupt.requested { throw Interruption.reviewing(out) }
    }
    console.progress("")
    return result
  }

  /// Makes an explainer; nil where the settings or the run have no explanations.
  private func explainer(_ settings: ReviewMaker.Settings) throws -> Explainer? {
    guard settings.explained > 0 else { return nil }
    do { return try Explainer(run, with: predictor) } catch let error as ExplainingError {
      console.note("note: the review has no explanations: \(error)")
      return nil
    }
  }

  /// Segments videos, and chooses the frames to review.
  private func segment(
    _ all: InputImages, frames: Int
  ) throws -> (videos: [(id: String, video: ReviewedVideo)], frames: [ReviewInput]) {
    var (found, inputs): ([(id: String, video: ReviewedVideo)], [ReviewInput]) = ([], [])
    let work = ReviewVideos(
      predictor: predictor, review: ReviewFolder(out), model: model, hashes: hashes, console: console)
    for (id, video) in zip(ReviewID.make(for: all.videos.map(\.name)), all.videos) {
      do {
        let reviewed = try work.segment(video, id: id, shown: all.shownName(of: video.file))
        let places = reviewed.chosen(frames)
        let stills = video.stills(at: places.map { reviewed.frames[$0].time }, or: places.count)
        inputs += zip(places, stills).map { place, still in
          ReviewInput(
            still, file: still.name, video: found.count, frame: reviewed.frames[place].index)
        }
        found.append((id: id, video: reviewed))
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
