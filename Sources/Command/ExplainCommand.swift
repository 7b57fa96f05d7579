import Datasets
import Explaining
import Foundation
import Metrics
import Reporting
import Storage
import Torch
import Training

/// `mcdrl explain`.
enum ExplainCommand: Subcommand {
  static let name = "explain"
  static let summary = "what a run attends to, and which confounders change its masks"
  static let usage = "RUN IMAGE… --out DIR | RUN --site SITE [--data DATA] --out DIR"
  static let example = "mcdrl explain runs/c3 polypgen/c3/images --limit 20 --out explained"
  static let choosesDevice = true
  static let options: [Option] = [
    .one("out", "DIR", "where explanation.json, report.html, pictures and maps go"),
    .one(
      "site", "SITE", "explain the images of a site, with its masks and, where recorded, true confounders"),
    .one("data", "DATA", "folder of sites (the one the run was trained on)"),
    .one("limit", "N", "explain at most so many images, evenly from all (200)"),
    .one("sweep", "all|none|LIST", "which confounders to set; several names with commas (all)"),
    .one("strengths", "LIST", "how strongly, each above 0 and at most 1 (0.25,0.5,0.75,1)"),
    .one("threshold", "P", "from which probability on a pixel is lesion (0.5)"),
    .one("max-pixels", "N", "refuse larger images (the run's maxPixels)"),
  ]

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard let place = arguments.positional.first else {
      throw UsageError(description: "give a run folder\nusage: mcdrl \(name) \(usage)")
    }
    let out = URL(fileURLWithPath: try arguments.required("out"))
    let (limit, maxPixels) = (
      try arguments.integer("limit", atLeast: 1) ?? 200, try arguments.integer("max-pixels", atLeast: 1)
    )
    let options = try options(arguments)
    let words = arguments.positional.dropFirst()
    let isSite = arguments.has("site") || arguments.has("data")
    guard words.isEmpty == isSite else {
      throw UsageError(
        description: (isSite ? "give images or a site, not both" : "give images, or a site with --site")
          + "\nusage: mcdrl \(name) \(usage)")
    }
    let run = RunFolder(URL(fileURLWithPath: place))
    let pictures = out.appendingPathComponent("pictures")
    let source: Source
    if isSite {
      source = try site(arguments, run)
      try InputImages.requireApart(source.inputs.map(\.image), from: pictures)
    } else {
      source = Source(
        inputs: try InputImages.files(words, writingTo: pictures).map { ExplanationInput($0) })
    }
    let explainer = try Explainer(
      run, on: arguments.device() ?? .cpu, maxPixels: maxPixels, options: options)
    let chosen = ExplanationInput.spread(source.inputs, limit: limit)
    let folder = try ExplanationFolder(out)
    let known = try KnownConfounders(chosen.map(\.image))
    let bar = ProgressBar("explaining", total: chosen.count)
    var images: [ExplainedImage] = []
    var failures: [String] = []
    for (index, input) in chosen.enumerated() {
      var input = input
      input.truth = known.strengths(of: input.image)
      // One bad image must not lose the others; a folder that cannot be written to would lose all.
      switch Result(catching: { try explainer.explain(input) }) {
      case .success(let (image, maps)): images.append(try folder.write(image, maps))
      case .failure(let error): failures.append("\(error)")
      }
      console.progress(bar.line(index + 1, unit: "images"))
    }
    console.progress("")
    let failure = ConfigurationError(
      "\(failures.count) images failed:\n" + failures.joined(separator: "\n"))
    guard !images.isEmpty else { throw failure }
    let explanation = try Explanation(
      model: explainer.model(run: place), site: source.site, trainedOn: source.trainedOn,
      available: source.inputs.count, confounders: explainer.confounders,
      strengths: options.sweep?.isEmpty == true ? [] : options.strengths, spread: explainer.spread(),
      images: images)
    try folder.write(explanation)
    try AtomicFile.write(Data(HTMLPage.explanation(explanation, in: out).text.utf8), to: folder.pageFile)
    if console.json {
      try console.result(json: explanation)
    } else {
      console.result(text(explanation))
      console.result(
        "\n\(images.count) of \(source.inputs.count) images explained; the page is \(folder.pageFile.path)")
    }
    guard failures.isEmpty else { throw failure }
  }

  /// Where images come from.
  private struct Source {
    let inputs: [ExplanationInput]
    var site: String?
    var trainedOn: Bool?
  }

  private static func site(_ arguments: Arguments, _ run: RunFolder) throws -> Source {
    let configuration = try run.configuration()
    let catalog = try SiteCatalog(
      at: URL(fileURLWithPath: arguments.last("data") ?? configuration.data),
      defaultClass: configuration.lesionClass.isEmpty ? nil : configuration.lesionClass,
      allowsMissingMasks: true)
    let site = try catalog.site(arguments.last("site") ?? configuration.holdOut)
    let trainedOn = configuration.sources.contains(site.name)
    let samples = trainedOn ? site.samples : site.testSamples
    return Source(inputs: samples.map { ExplanationInput($0) }, site: site.name, trainedOn: trainedOn)
  }

  private static func options(_ arguments: Arguments) throws -> Explainer.Options {
    var options = Explainer.Options()
    options.threshold = try arguments.probability("threshold") ?? options.threshold
    options.seed = UInt64(try arguments.integer("seed") ?? 0)
    if let text = arguments.last("strengths") {
      let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
      let strengths = numbers.compactMap { $0 }.filter { $0 > 0 && $0 <= 1 }
      guard strengths.count == numbers.count, Set(strengths).count == strengths.count else {
        throw UsageError(
          description:
            "--strengths \(text): different numbers above 0 and at most 1 are needed, such as 0.5,1")
      }
      options.strengths = strengths.sorted()
    }
    switch arguments.last("sweep") ?? "all" {
    case "all": options.sweep = nil
    case "none": options.sweep = []
    case let list:
      let names = list.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      guard !names.isEmpty, Set(names).count == names.count else {
        throw UsageError(description: "--sweep \(list): give all, none, or different names with commas")
      }
      options.sweep = names
    }
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
