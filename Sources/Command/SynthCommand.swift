import Confounders
import Foundation
import SyntheticEndoscopy

/// `mcdrl synth`.
enum SynthCommand: Subcommand {
  static let name = "synth"
  static let summary = "render sites of synthetic endoscopy with masks, captions and true causes"
  static let usage = "--out DATA"
  static let example = "mcdrl synth --out rendered --per-site 200 --link 0.8 --sweep 20"
  static let options: [Option] = [
    .one("out", "DATA", "the folder to make"),
    .one("sites", "N", "how many sites (5)"),
    .one("per-site", "N", "images of a site as a source (200)"),
    .one("test-per-site", "N", "images of a site for when it is held out (half of --per-site)"),
    .one("size", "PIXELS", "the side of the images, 16 to 2048 (224)"),
    .one("link", "P", "how often a confounder follows the lesion at sources, 0 to 1 (0.8)"),
    .one("format", "jpg|png", "of the images; masks are PNG (jpg)"),
    .one("prompts", "FILE", "words of the captions (Prompts/endoscopy.json5)"),
    .one("sweep", "N", "scenes to render under each do(confounder) as well (0)"),
  ]

  /// What `--json` prints.
  private struct Summary: Encodable {
    let data: String
    let sites: [String]
    let perSite: Int
    let testPerSite: Int
    let sweepScenes: Int
    let images: Int
    let size: Int
    let link: Double

    enum CodingKeys: String, CodingKey {
      case data, sites, images, size, link
      case perSite = "per_site"
      case testPerSite = "test_per_site"
      case sweepScenes = "sweep_scenes"
    }
  }

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard arguments.positional.isEmpty else {
      throw UsageError(description: "give the folder with --out\nusage: mcdrl \(name) \(usage)")
    }
    let out = URL(fileURLWithPath: try arguments.required("out"))
    let perSite = try arguments.integer("per-site", atLeast: 1) ?? 200
    let size = try arguments.integer("size", atLeast: 16) ?? 224
    guard size <= 2048 else {
      throw UsageError(description: "--size \(size): at most 2048 pixels can be rendered")
    }
    let link = try arguments.probability("link") ?? 0.8
    let formatName = arguments.last("format") ?? "jpg"
    guard let format = SyntheticDataset.Format(rawValue: formatName) else {
      throw UsageError(description: "--format \(formatName): choose jpg or png")
    }
    let prompts = try PromptSet(contentsOf: ProjectFiles.prompts(arguments.last("prompts")))
    try prompts.requireNames(of: World.self)
    let world = World(
      sites: try arguments.integer("sites", atLeast: 1) ?? 5, link: link,
      seed: UInt64(try arguments.integer("seed") ?? 0))
    let dataset = SyntheticDataset(
      world: world, perSite: perSite, testPerSite: try arguments.integer("test-per-site") ?? perSite / 2,
      size: size, format: format, sweep: try arguments.integer("sweep") ?? 0,
      captions: prompts.captions)

    // Files of an earlier call would stay among the new ones.
    let found = (try? FileManager.default.contentsOfDirectory(atPath: out.path)) ?? []
    guard found.isEmpty else { throw SynthError.folderInUse(out) }

    let bar = ProgressBar("rendering", total: dataset.count)
    try dataset.write(to: out) { console.progress(bar.line($0, unit: "images")) }
    console.progress("")
    let summary = Summary(
      data: out.path, sites: world.siteNames, perSite: perSite, testPerSite: dataset.testPerSite,
      sweepScenes: dataset.sweep, images: dataset.count, size: size, link: link)
    if console.json { return try console.result(json: summary) }
    let sweep = dataset.sweep > 0 ? ", \(dataset.sweep) scenes under each intervention in sweep/" : ""
    console.result(
      """
      \(out.path): \(world.siteNames.count) sites (\(world.siteNames.joined(separator: ", "))), \
      \(perSite) source and \(dataset.testPerSite) test images each, \(size)×\(size)\(sweep)
      """)
  }
}

/// Why nothing was rendered.
private enum SynthError: Error, CustomStringConvertible {
  case folderInUse(URL)

  var description: String {
    switch self {
    case .folderInUse(let url):
      "\(url.path): the folder is not empty; choose another for --out, or remove what it holds"
    }
  }
}
