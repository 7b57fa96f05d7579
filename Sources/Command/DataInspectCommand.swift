import Confounders
import Datasets
import Foundation
import Storage

/// The command `mcdrl data inspect`.
enum DataInspectCommand: Subcommand {
  static let name = "data inspect"
  static let summary = "show sites, counts, sizes, lesion area, mask values and problems"
  static let example = "mcdrl data inspect polypgen"
  static let options = Options()
  static let operands = [
    Operand.one("DATA", "one data folder", "a folder of sites, or a sites.json5")
  ]

  struct Options: OptionGroup {
    let prompts = Option.optional(
      "prompts", "FILE", .text, remark: "any of mcdrl prompts list",
      "the prompt file that must have the lesion classes, or its name in mcdrl prompts list")
  }

  /// The most lines of one subject in the text; `--json` has all.
  private static let mostAlike = 3

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let url = URL(fileURLWithPath: arguments.operands[0])
    let catalog = try SiteCatalog(at: url, passingOver: .all)
    let total = catalog.sites.reduce(0) { $0 + $1.allSamples.count }
    let bar = ProgressBar("inspecting", total: total)
    var inspection = try Inspection(
      catalog,
      progress: { done in
        if done % 20 == 0 { console.progress(bar.line(done, unit: "images")) }
      }, comparing: DataNotes.copies(console))
    console.progress("")
    try addClasses(to: &inspection, catalog, prompts: arguments.prompts)
    if console.json { try console.result(json: inspection) } else { show(inspection, console) }
    guard inspection.problems.isEmpty else {
      throw WorkError.dataProblems(url, count: inspection.problems.count)
    }
  }

  private static func show(_ inspection: Inspection, _ console: Console) {
    let rows = inspection.sites.map { site in
      [
        site.name, "\(site.images)", site.testImages > 0 ? "\(site.testImages)" : "–", "\(site.groups)",
        site.smallest + " – " + site.largest,
        format(site.lesionShare * 100, 1) + " %", "\(site.emptyMasks)",
        site.classes.isEmpty
          ? "–" : site.classes.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", "),
      ]
    }
    console.result(
      Console.table(
        ["site", "images", "test images", "groups", "sizes", "lesion area", "empty masks", "classes"], rows))
    for site in inspection.sites {
      console.result("masks of \(site.name): \(site.maskConvention ?? "not understood, see the problems")")
    }
    let labels = inspection.sites.flatMap { site in
      (site.labels ?? []).map { [site.name, $0.name, "\($0.value)", "\($0.images)", "\($0.pixels)"] }
    }
    if !labels.isEmpty {
      console.result(Console.table(["site", "label", "value", "masks with it", "pixels"], labels))
    }
    for (title, findings) in [("problems", inspection.problems), ("worth a look", inspection.warnings)]
    where !findings.isEmpty {
      console.result("\(title):\n" + lines(findings).joined(separator: "\n"))
    }
    if inspection.problems.isEmpty && inspection.warnings.isEmpty { console.result("no problems") }
  }

  /// Returns the first findings of each subject, and how many more there are.
  private static func lines(_ findings: [Inspection.Finding]) -> [String] {
    var subjects: [String] = []
    var known: [String: (first: [String], count: Int)] = [:]
    for finding in findings {
      let subject = finding.subject
      if known[subject] == nil { subjects.append(subject) }
      known[subject, default: ([], 0)].count += 1
      if known[subject, default: ([], 0)].count <= mostAlike {
        known[subject]?.first.append(finding.description)
      }
    }
    return subjects.flatMap { subject in
      let (first, count) = known[subject, default: ([], 0)]
      let rest = count - mostAlike
      return first + (rest > 0 ? ["… and \(rest) more like this; --json names all"] : [])
    }
  }

  /// Compares the classes of the data with those of the prompts.
  private static func addClasses(
    to inspection: inout Inspection, _ catalog: SiteCatalog, prompts: String?
  ) throws {
    let stated = Set(catalog.sites.flatMap(\.allSamples).compactMap(\.lesionClass))
    guard !stated.isEmpty else {
      inspection.warnings.append(
        Inspection.Finding(
          "class",
          "\(catalog.location.path): no lesion classes: without them MCDRL skips two of its losses; "
            + "state them in sites.json5, or train with --set lesionClass=polyp"))
      return
    }
    let silent = inspection.sites.filter { $0.classes.isEmpty && $0.emptyMasks < $0.images }.map(\.name)
    for site in silent {
      inspection.warnings.append(
        Inspection.Finding(
          "silent site",
          "\(catalog.location.path): site \(site) states no lesion class, and others do: without one "
            + "MCDRL skips two of its losses on its images; add class: \"…\" to the site in sites.json5"))
    }
    let (standard, _) = try ProjectFiles.promptSet(prompts)
    let packs =
      prompts == nil ? try PromptSet.Pack.allCases.map { ($0.rawValue, try PromptSet($0).classes) } : []
    for name in stated.subtracting(standard.classes).sorted() {
      let sites = catalog.sites.filter { $0.allSamples.contains { $0.lesionClass == name } }.map(\.name)
      let place = "\(catalog.location.path): the class \"\(name)\" of " + sites.joined(separator: ", ")
      if let pack = packs.first(where: { $0.1.contains(name) }) {
        inspection.warnings.append(
          Inspection.Finding("class", "\(place) belongs to other prompts; train with --prompts \(pack.0)"))
      } else {
        let near = Spelling.suggestion(for: name, among: standard.classes)
        inspection.problems.append(
          Inspection.Finding(
            "class",
            "\(place) is in no prompt file (\(standard.classes.joined(separator: ", "))); correct it, or "
              + "give your prompts with --prompts\(near)"))
      }
    }
  }
}
