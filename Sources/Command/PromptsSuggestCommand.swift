import CLIP
import Confounders
import Datasets
import Explaining
import Foundation
import Imaging
import Storage
import Training

/// The command `mcdrl prompts suggest`.
enum PromptsSuggestCommand: Subcommand {
  static let name = "prompts suggest"
  static let summary = "find what differs between sites and no entry of a prompt file covers"
  static let example =
    "mcdrl prompts suggest --data polypgen --clip clip-vit-base-patch16 --hold-out c3 --out suggestions"
  static let options = Options()

  struct Options: OptionGroup {
    let data = Shared.data
    let clip = Shared.clip
    let holdOut = Shared.holdOut.optional("none").saying("a site that takes no part")
    let allowLeakage = Shared.allowLeakage.saying(
      "continue although pictures of the held-out site taught the words of the CLIP")
    let prompts = Shared.prompts
    let phrases = Option.optional(
      "phrases", "FILE", .file, "more candidate phrases, one a line, beside those that come with the project")
    let images = Option.value(
      "images", "N", .integer(atLeast: StyleStatistics.least, atMost: 1000), default: 100,
      "look at at most N images of each site, spread evenly over all, at least \(StyleStatistics.least)")
    let directions = Option.value(
      "directions", "K", .integer(atLeast: 1, atMost: 9), default: 3,
      "how many directions to show; S sites have at most S − 1")
    let out = Option.optional(
      "out", "DIR", .file, "the folder of suggestions.json and a sheet of images for each direction")
  }

  /// The most phrases of a side, and the most entries, in the text; `--json` has more.
  private static let mostWords = 5

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (heldOut, out) = (try arguments.holdOut, try arguments.out)
    // Words may differ by held-out site.
    let name = try RunConfiguration.clip(arguments.clip, withholding: heldOut)
    let prompts = try ProjectFiles.promptSet(arguments.prompts).prompts
    let added = try arguments.phrases.map { try CandidatePhrases.read($0) } ?? []
    let phrases = try CandidatePhrases.all(beside: prompts, adding: added)
    let catalog = try SiteCatalog(
      at: URL(fileURLWithPath: arguments.data), allowsMissingMasks: true)
    DataNotes.leftOut(catalog, console)
    let samples = try StyleStatistics.samples(
      of: catalog, heldOut: heldOut, entries: prompts.confounders.count, limit: arguments.images)
    if try !arguments.allowLeakage, let heldOut, let folder = try ProjectFiles.clipFolder(named: name) {
      try WordImages.requireUnseen(catalog.site(heldOut), by: folder)
    }
    let lock = try out.map { folder in
      let lock = try OutputFolder.lock(folder, console)
      // Files of an earlier call would remain among the new ones.
      guard OutputFolder.contents(folder).isEmpty else { throw WorkError.folderNotEmpty(folder) }
      return lock
    }
    defer { withExtendedLifetime(lock) {} }

    let clip = try CLIPModel.load(ProjectFiles.clip(name), seed: arguments.common.seed)
    defer { console.progress("") }
    let texts = try Suggestions.Texts(prompts, phrases: phrases, clip) {
      console.progress("embedding words: \($0)/\(prompts.confounders.count + phrases.count)")
    }
    let bar = ProgressBar("measuring", total: samples.count)
    var finished = 0
    let images = try StyleStatistics(of: samples, clip) { done in
      for number in finished + 1...max(done, finished + 1) { console.progress(bar, number, unit: "images") }
      finished = done
    }
    console.progress("looking for directions")
    let found = try Suggestions(images, texts, heldOut: heldOut, count: arguments.directions)
    console.progress("")
    if let out { try write(found, samples, to: out) }
    if console.json { return try console.result(json: found) }
    show(found, console)
    if let out {
      console.note(
        "\(out.path): suggestions.json, and a sheet for each direction: the images of the lowest scores "
          + "above, those of the highest below")
    }
  }

  private static func write(_ found: Suggestions, _ samples: [Sample], to out: URL) throws {
    let files = Dictionary(samples.map { ($0.image.path, $0.image) }) { first, _ in first }
    for (index, direction) in found.directions.enumerated() {
      let rows = try [direction.lowest, direction.highest].map { pictures in
        try pictures.compactMap { picture in
          try files[picture.image].map { try SuggestionSheet.Tile($0, of: picture) }
        }
      }
      let sheet = try SuggestionSheet(titles: ["low", "high"], rows: rows).image()
      try ImageFile.writePNG(sheet, to: out.appendingPathComponent("direction-\(index + 1).png"))
    }
    try AtomicFile.write(json: found, to: out.appendingPathComponent("suggestions.json"))
  }

  private static func show(_ found: Suggestions, _ console: Console) {
    let counts = found.images.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    console.result(
      """
      images: \(counts.joined(separator: ", "))\(found.heldOut.map { "; \($0) took no part" } ?? "")
      style: means and deviations of \(found.channels) channels after layer \(found.depth) of the tower
      \(covered(found))
      """)
    for (index, direction) in found.directions.enumerated() {
      console.result("\n" + text(index + 1, direction, found))
    }
    if !found.directions.contains(where: \.tellsApart) {
      console.result(
        "\nno direction tells a site apart on other patients: the entries cover what differs, or the images "
          + "are too few to find it")
    }
  }

  private static func covered(_ found: Suggestions) -> String {
    guard let covered = found.covered else {
      let isKnown = found.directions.first.map { $0.sites.count { $0.area != nil } > 1 } ?? true
      return isKnown
        ? "the sites do not differ by more than chance"
        : "fewer than two sites have images of several patients, so chance is not known"
    }
    return "the \(found.entries) entries explain \(percent(covered, of: 1)) of the variance between the sites"
  }

  private static func text(
    _ number: Int, _ direction: Suggestions.Direction, _ found: Suggestions
  ) -> String {
    func words(_ words: [Suggestions.Word]) -> String {
      words.isEmpty
        ? "none above chance (\(format(found.chance, 2)))"
        : words.prefix(mostWords).map { "\($0.text) \(format($0.correlation, 2))" }.joined(separator: ", ")
    }
    let table = Console.table(
      ["site", "score", "AUC"], direction.sites.map { [$0.site, format($0.score, 2), format($0.area, 2)] })
    return """
      direction \(number): \(percent(direction.share, of: 1)) of the rest\
      \(direction.tellsApart ? "" : "; tells no site apart")
      \(table)
      phrases, high side: \(words(direction.words(high: true, above: found.chance)))
      phrases, low side:  \(words(direction.words(high: false, above: found.chance)))
      nearest entries:    \(words(Array(direction.entries.prefix(mostWords))))
      """
  }
}
