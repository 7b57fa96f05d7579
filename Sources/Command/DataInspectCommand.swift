import Datasets
import Foundation

/// The command `mcdrl data inspect`.
enum DataInspectCommand: Subcommand {
  static let name = "data inspect"
  static let summary = "show sites, counts, sizes, lesion area and problems"
  static let example = "mcdrl data inspect polypgen"
  static let options = NoOptions()
  static let operands = [
    Operand.one("DATA", "one data folder", "a folder of sites, or a sites.json5")
  ]

  static func run(_ arguments: Arguments<NoOptions>, _ console: Console) throws {
    let catalog = try SiteCatalog(at: URL(fileURLWithPath: arguments.operands[0]), allowsMissingMasks: true)
    let total = catalog.sites.reduce(0) { $0 + $1.allSamples.count }
    let bar = ProgressBar("inspecting", total: total)
    let inspection = try Inspection(catalog) { done in
      if done % 20 == 0 { console.progress(bar.line(done, unit: "images")) }
    }
    console.progress("")
    if console.json { return try console.result(json: inspection) }
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
    console.result(
      inspection.problems.isEmpty
        ? "no problems" : "problems:\n" + inspection.problems.joined(separator: "\n"))
  }
}
