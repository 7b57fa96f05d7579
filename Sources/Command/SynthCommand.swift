import Confounders
import Foundation
import SyntheticEndoscopy

/// The command `mcdrl synth`.
enum SynthCommand: Subcommand {
  static let name = "synth"
  static let summary = "render sites of synthetic endoscopy with masks, captions and true causes"
  static let example = "mcdrl synth --out rendered --per-site 200 --link 0.8 --sweep 20"
  static let options = Options()

  struct Options: OptionGroup {
    let out = Shared.out("DATA", "the folder to make")
    let sites = Option.value("sites", "N", .integer(atLeast: 1), default: 5, "how many sites")
    let perSite = Option.value(
      "per-site", "N", .integer(atLeast: 1), default: 200, "images of a site that is trained on")
    let testPerSite = Option.optional(
      "test-per-site", "N", .integer(), remark: "half of --per-site", "images of a site that is held out")
    let size = Option.value(
      "size", "PIXELS", .integer(atLeast: 16, atMost: 2048), default: 224,
      "the side of the images, 16 to 2048")
    let link = Shared.link
    let format = Option.value(
      "format", choices(SyntheticDataset.Format.self), .choice(of: SyntheticDataset.Format.self),
      default: .jpg,
      "the format of the images; masks are PNG")
    let prompts = Shared.prompts.saying("the prompt file, or its name, for the captions")
    let sweep = Option.value(
      "sweep", "N", .integer(), default: 0, "how many scenes to render under each do(confounder) as well")
  }

  /// The document of `--json`.
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

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (out, perSite, size, link) = try (arguments.out, arguments.perSite, arguments.size, arguments.link)
    let prompts = try ProjectFiles.promptSet(arguments.prompts).prompts
    try prompts.requireNames(of: World.self)
    let world = World(sites: try arguments.sites, link: link, seed: try arguments.common.seed)
    let dataset = SyntheticDataset(
      world: world, perSite: perSite, testPerSite: try arguments.testPerSite ?? perSite / 2, size: size,
      format: try arguments.format, sweep: try arguments.sweep, captions: prompts.captions)

    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    // Files of an earlier call would remain among the new ones.
    guard OutputFolder.contents(out).isEmpty else { throw WorkError.folderNotEmpty(out) }

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
