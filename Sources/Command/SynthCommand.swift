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
    let anatomy = Option.value(
      "anatomy", choices(Anatomy.self), .choice(of: Anatomy.self), default: .colon, "the organ")
    let link = Shared.link
    let linkOf = Option.spaces(
      "link-of", "CONFOUNDER=P", .link, "the same for single confounders, such as mucus=0.95")
    let unlinked = Option.flag(
      "unlinked", "also render the source images without the link, for the arm unconfounded")
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
    let linkOf: [String: Double]
    let anatomy: Anatomy
    let unlinked: Bool

    enum CodingKeys: String, CodingKey {
      case data, sites, images, size, link, unlinked, anatomy
      case linkOf = "link_of"
      case perSite = "per_site"
      case testPerSite = "test_per_site"
      case sweepScenes = "sweep_scenes"
    }
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (out, perSite, size, link) = try (arguments.out, arguments.perSite, arguments.size, arguments.link)
    let prompts = try ProjectFiles.promptSet(arguments.prompts).prompts
    try prompts.requireNames(of: World.self)
    let links = Dictionary(try arguments.linkOf) { $1 }
    let world = World(
      sites: try arguments.sites, link: link, links: links, anatomy: try arguments.anatomy,
      seed: try arguments.common.seed)
    let dataset = SyntheticDataset(
      world: world, perSite: perSite, testPerSite: try arguments.testPerSite ?? perSite / 2,
      hasUnlinked: try arguments.unlinked, size: size,
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
      sweepScenes: dataset.sweep, images: dataset.count, size: size, link: link,
      linkOf: Dictionary(uniqueKeysWithValues: links.map { ($0.key.rawValue, $0.value) }),
      anatomy: world.anatomy, unlinked: dataset.hasUnlinked)
    if console.json { return try console.result(json: summary) }
    let sweep = dataset.sweep > 0 ? ", \(dataset.sweep) scenes under each intervention in sweep/" : ""
    let unlinked = dataset.hasUnlinked ? ", the source images also without the link" : ""
    console.result(
      """
      \(out.path): \(world.siteNames.count) sites (\(world.siteNames.joined(separator: ", "))), \
      \(perSite) source and \(dataset.testPerSite) test images each, \(size)×\(size)\(unlinked)\(sweep)
      """)
  }
}

extension ValueForm where Value == (Confounder, Double) {
  /// A confounder of the rendered world and a probability, such as `white light=0.5`.
  fileprivate static var link: ValueForm {
    ValueForm(
      read: { word in
        guard let equals = word.lastIndex(of: "=") else {
          throw WrongValue.needs("a confounder and a probability are needed, such as mucus=0.95")
        }
        let name = String(word[..<equals])
        guard let confounder = Confounder(rawValue: name) else {
          throw WrongValue.unknown(known: Confounder.allCases.map(\.rawValue))
        }
        return (
          confounder, try ValueForm<Double>.probability.read(String(word[word.index(after: equals)...]))
        )
      }, text: { "\($0.rawValue)=\($1)" })
  }
}
