import Datasets
import Explaining
import Foundation
import Imaging
import Metrics
import Reporting
import Storage
import Torch
import Training

/// The command `mcdrl explain`.
enum ExplainCommand: Subcommand {
  static let name = "explain"
  static let summary = "show what a run attends to, and which confounders change its masks"
  static let usage = "RUN INPUT… --out DIR [options] | RUN --site SITE [--data DATA] --out DIR [options]"
  static let example = "mcdrl explain runs/c3 polypgen/c3/images --limit 20 --out explained"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [
    Operand.one("RUN", "a run folder", "a run folder of mcdrl train"),
    Operand.any("INPUT", "images", "images, DICOM files, videos, or folders of them"),
  ]

  struct Options: OptionGroup {
    let out = Shared.out("DIR", "the folder of explanation.json, report.html, pictures and maps")
    let site = Option.optional(
      "site", "SITE", .text,
      "explain the images of a site, with its masks and, where recorded, its true confounders")
    let data = Shared.data.optional("that of the run")
    let limit = Option.value(
      "limit", "N", .integer(atLeast: 1), default: 200, "explain at most N images, spread evenly over all")
    let at = Option.commas(
      "at", "SECONDS", .notNegative, default: [], said: "\(stillCount) times, evenly spread",
      "the times of the frames of videos to explain")
    let sweep = Option.value(
      "sweep", "all|none|NAME,…", .sweep, default: standard.sweep,
      "the confounders to set, with commas between")
    let strengths = Option.commas(
      "strengths", "S",
      ValueForm.number.checked("numbers above 0 and at most 1 are needed, such as 0.5,1") {
        $0 > 0 && $0 <= 1
      }, default: standard.strengths, "how strongly to set them, each above 0 and at most 1")
    let threshold = Shared.threshold
    let precision = Shared.precision("the fastest that keeps Dice on the run's validation images")
    let decoding = Shared.decoding
    let maxPixels = Shared.maxPixels
  }

  private static let standard = Explainer.Options()
  /// The number of frames of a video that are explained without `--at`.
  private static let stillCount = 5

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (place, out) = (arguments.operands[0], try arguments.out)
    let (limit, maxPixels) = (try arguments.limit, try arguments.maxPixels)
    try OutputFolder.requireApart(out, fromRun: place)
    let options = try options(arguments)
    let words = arguments.operands.dropFirst()
    let isSite = try arguments.site != nil || arguments.data != nil
    if isSite, let at = arguments.written(\.at) {
      throw UsageError.conflict(at, with: "site", reason: "a site has images, and times are of videos")
    }
    guard words.isEmpty == isSite else {
      throw UsageError.inCall(
        .eitherOr(words: "images", or: "a site", option: "site", both: isSite), usage: fullUsage)
    }
    let run = try Run.open(
      at: URL(fileURLWithPath: place), methods: MCDRLCommand.methods, clip: ProjectFiles.clips)
    let pictures = out.appendingPathComponent("pictures")
    let source: Source
    if isSite {
      source = try site(arguments, run, console)
      try InputImages.requireApart(source.inputs.map(\.image), from: pictures)
    } else {
      let found = try InputImages(
        words, writingTo: pictures, limits: InputImages.limits(maxPixels), console)
      source = Source(inputs: try inputs(found, at: arguments.at).map { ExplanationInput($0) })
    }
    let predictor = try run.predictor(
      device: arguments.common.device, precision: arguments.precision, decoding: arguments.decoding,
      threshold: arguments.threshold, maxPixels: maxPixels)
    let explainer = try Explainer(run, with: predictor, options: options)
    let chosen = ExplanationInput.spread(source.inputs, limit: limit)
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    let folder = try ExplanationFolder(out, of: place)
    let known = try KnownConfounders(chosen.map(\.image))
    console.note(predictor.singlePassStatement)
    if let mean = run.configuration.inference.mean {
      console.note("note: masks of this run are the \(mean); explanations look at one pass")
    }
    let inputs = chosen.map { input in
      var input = input
      input.truth = known.strengths(of: input.image)
      return input
    }
    let (bar, done) = (ProgressBar("explaining", total: inputs.count), Tally())
    // Each image is explained alone, by one of several threads, which also draws and writes.
    let explained = try concurrentMap(count: inputs.count, on: predictor.device) { index in
      defer { console.progress(bar, done.add(), unit: "images") }
      // A bad image must not stop the others. A folder that cannot be written stops all.
      return try Result { try explainer.explain(inputs[index]) }.mapped { found in
        (image: try folder.write(found.image, found.maps), means: found.means)
      }
    }
    console.progress("")
    var images: [(image: ExplainedImage, means: Explainer.PooledFeatures)] = []
    var failures: [String] = []
    for result in explained {
      switch result {
      case .success(let found): images.append(found)
      case .failure(let error): failures.append("\(error)")
      }
    }
    let failure = WorkError.images(failures)
    guard !images.isEmpty else { throw failure }
    let explanation = try Explanation(
      model: explainer.model(run: place), site: source.site, trainedOn: source.trainedOn,
      available: source.inputs.count, confounders: explainer.confounders,
      strengths: options.sweep?.isEmpty == true ? [] : options.strengths,
      spread: Explainer.spread(of: images.map(\.means)), images: images.map(\.image))
    try folder.write(explanation)
    try AtomicFile.write(Data(HTMLPage.explanation(explanation, in: out).text.utf8), to: folder.pageFile)
    if console.json {
      try console.result(json: explanation)
    } else {
      console.result(text(explanation))
      console.result(
        "\n\(images.count) of \(counted(source.inputs.count, "image")) explained; the page is \(folder.pageFile.path)"
      )
    }
    guard failures.isEmpty else { throw failure }
  }

  /// The source of the images.
  private struct Source {
    let inputs: [ExplanationInput]
    var site: String?
    var trainedOn: Bool?
  }

  private static func site(_ arguments: Arguments<Options>, _ run: Run, _ console: Console) throws -> Source {
    let configuration = run.configuration
    let catalog = try run.catalog(
      at: arguments.data.map { URL(fileURLWithPath: $0) }, allowsMissingMasks: true)
    guard let name = try arguments.site ?? configuration.holdOut else {
      throw UsageError.missingOneOf(["site"])
    }
    let site = try catalog.site(name)
    let role = try run.role(of: site)
    switch role {
    case .namesake, .partly, .listed, .validation: console.note("note: site \(site.name): \(role.text)")
    case .heldOut, .unseen, .source: break
    }
    let samples = run.scored(site, as: role)
    return Source(inputs: samples.map { ExplanationInput($0) }, site: site.name, trainedOn: !role.isUnseen)
  }

  /// Returns the images, and frames of the videos at some times, or evenly spread.
  private static func inputs(_ found: InputImages, at times: [Double]) throws -> [PredictionInput] {
    guard times.isEmpty || !found.videos.isEmpty else {
      throw UsageError.rejected(
        option: "at", text: nil, reason: "no input is a video; leave the option out, or give a video")
    }
    return found.images + found.videos.flatMap { $0.stills(at: times, or: stillCount) }
  }

  private static func options(_ arguments: Arguments<Options>) throws -> Explainer.Options {
    var options = Explainer.Options()
    options.seed = try arguments.common.seed
    options.strengths = try arguments.strengths.sorted()
    options.sweep = try arguments.sweep
    return options
  }

  private static func text(_ explanation: Explanation) -> String {
    let (summary, truth) = (explanation.summary, explanation.faithfulness)
    let attention = truth?.score("attention")
    let zeroShot = truth?.score("zero_shot")
    let rows = explanation.confounders.indices.map { z -> [String] in
      let name = explanation.confounders[z].name
      let step = summary.strongest.first { $0.confounder == name }
      return [
        name, format(summary.attention?[z].value), format(summary.zeroShot[z].value),
        format(step?.dice.value),
        format(step?.shift), format(step?.shiftIntervened),
      ]
        + (truth == nil ? [] : [format(attention?.areas[z]?.value), format(zeroShot?.areas[z]?.value)])
    }
    let headings =
      ["confounder", "attention", "zero-shot", "Dice, do(z)", "shift of F", "of F_ca"]
      + (truth == nil ? [] : ["AUC, attention", "AUC, zero-shot"])
    let strongest = explanation.strengths.max().map {
      "\ndo(z) at strength \(format($0, 2)); Dice with the untouched mask"
    }
    return explanation.answer.joined(separator: "\n") + "\n\n" + Console.table(headings, rows)
      + (strongest ?? "")
  }
}

extension ValueForm where Value == [String]? {
  /// The confounders to set: `all` is nil, `none` is empty, otherwise names with commas.
  fileprivate static var sweep: ValueForm {
    ValueForm(
      read: { word in
        guard word != "all" else { return nil }
        let names =
          word == "none" ? [] : word.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        guard word == "none" || !names.isEmpty, Set(names).count == names.count else {
          throw WrongValue.needs("give all, none, or different names with commas")
        }
        return names
      }, text: { names in names.map { $0.isEmpty ? "none" : $0.joined(separator: ",") } ?? "all" })
  }
}
