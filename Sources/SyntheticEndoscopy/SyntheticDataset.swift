import Foundation
import Imaging
import Storage
import Torch

/// Writes a world to a folder in the form of real data, with the ground truth of each image.
///
/// Each site has `images`, `masks`, `test/images`, `test/masks`, `captions.jsonl` and
/// `factors.jsonl`, and on request `unlinked/images` and `unlinked/masks`. The folder has
/// `sites.json5`, and `sweep/` if the same scenes are rendered under each intervention. See
/// docs/reference/data-format.md.
package struct SyntheticDataset: Sendable {
  /// The format of images; masks are always PNG.
  package enum Format: String, CaseIterable, Sendable {
    /// JPEG of the site's quality.
    case jpg
    /// PNG, after the compression of the site.
    case png
  }

  /// The sites.
  package var world: World
  /// The number of images of a site as a source.
  package var perSite: Int
  /// The number of images per site with the rewired link, which score it if it is held out.
  package var testPerSite: Int
  /// Whether the images of a source are also rendered without the link.
  package var hasUnlinked: Bool
  /// The side of the images, in pixels.
  package var size: Int
  /// The format of the images.
  package var format: Format
  /// The number of scenes rendered under each intervention.
  package var sweep: Int
  /// Returns the sentences that are true of an image, from its lesion and its visible confounders.
  package var captions: @Sendable (_ lesion: String?, _ confounders: Set<String>) -> [String]

  /// The strength of the interventions of the sweep.
  package static let sweepStrength = 0.8

  /// Makes the description of a data set.
  package init(
    world: World, perSite: Int, testPerSite: Int, hasUnlinked: Bool = false, size: Int, format: Format,
    sweep: Int,
    captions: @escaping @Sendable (_ lesion: String?, _ confounders: Set<String>) -> [String]
  ) {
    self.world = world
    self.perSite = perSite
    self.testPerSite = testPerSite
    self.hasUnlinked = hasUnlinked
    self.size = size
    self.format = format
    self.sweep = sweep
    self.captions = captions
  }

  /// The number of images.
  package var count: Int {
    world.siteNames.count * (perSite * (hasUnlinked ? 2 : 1) + testPerSite)
      + sweep * (1 + Confounder.allCases.count)
  }

  /// An image to render, its destination, and its name in the records.
  private struct Item {
    var draw: Draw
    var stem: String
    var folder: String
    var role: SiteRole?
    var intervention: Confounder?

    func path(_ kind: String, _ ending: String) -> String { folder + kind + "/" + stem + "." + ending }
  }

  /// Renders and writes the whole data set.
  ///
  /// - Parameters:
  ///   - url: the folder; made if it does not exist.
  ///   - progress: receives the number of finished images.
  /// - Throws: `FileError` that names the file, or `ImagingError`.
  package func write(to url: URL, progress: (Int) -> Void = { _ in }) throws {
    var done = 0
    var sites: [SiteRecord] = []
    for (site, name) in world.siteNames.enumerated() {
      let folder = url.appendingPathComponent(name)
      let items = items(site: site)
      let zooms = try write(items, under: folder) { progress(done + $0) }
      done += items.count
      try Self.write(
        // The unlinked images show scenes that have captions already.
        items.filter { $0.role != .unlinked }.map { item in
          CaptionRecord(
            image: item.path("images", format.rawValue),
            captions: captions(
              item.draw.lesion?.rawValue, Set(item.draw.visibleConfounders.map(\.rawValue))))
        },
        to: folder.appendingPathComponent("captions.jsonl"))
      try Self.write(
        zip(items, zooms).map { item, zoom in
          FactorRecord(
            image: item.path("images", format.rawValue), mask: item.path("masks", "png"), draw: item.draw,
            zoom: zoom, role: item.role)
        }, to: folder.appendingPathComponent("factors.jsonl"))
      sites.append(SiteRecord(name, items.map { ($0.stem, $0.draw.lesion, $0.role) }))
    }
    if sweep > 0 {
      let folder = url.appendingPathComponent("sweep")
      let items = sweepItems()
      let zooms = try write(items, under: folder) { progress(done + $0) }
      try Self.write(
        zip(items, zooms).map { item, zoom in
          FactorRecord(
            image: item.path("images", format.rawValue), mask: item.path("masks", "png"), draw: item.draw,
            zoom: zoom, intervention: item.intervention?.rawValue ?? "none")
        }, to: folder.appendingPathComponent("factors.jsonl"))
    }
    // This file comes last, so a folder that has it is complete.
    try AtomicFile.write(json: ["sites": sites], to: url.appendingPathComponent("sites.json5"))
  }

  private func items(site: Int) -> [Item] {
    let sources = (0..<perSite).map { index in
      Item(
        draw: world.draw(site: site, index: index, role: .source), stem: Self.number(index, 4), folder: "",
        role: .source)
    }
    let tests = (0..<testPerSite).map { index in
      Item(
        draw: world.draw(site: site, index: index, role: .heldOut), stem: "test-" + Self.number(index, 4),
        folder: "test/", role: .heldOut)
    }
    guard hasUnlinked else { return sources + tests }
    let unlinked = (0..<perSite).map { index in
      Item(
        draw: world.draw(site: site, index: index, role: .unlinked), stem: Self.number(index, 4),
        folder: "unlinked/", role: .unlinked)
    }
    return sources + tests + unlinked
  }

  private func sweepItems() -> [Item] {
    (0..<sweep).flatMap { index in
      let scene = world.swept(index)
      let number = Self.number(index, 3)
      let plain = Item(draw: scene, stem: number + "-none", folder: "")
      return [plain]
        + Confounder.allCases.map { confounder in
          let words = confounder.rawValue.replacingOccurrences(of: " ", with: "-")
          return Item(
            draw: scene.doing(confounder, strength: Self.sweepStrength), stem: number + "-" + words,
            folder: "",
            intervention: confounder)
        }
    }
  }

  private static func number(_ value: Int, _ digits: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// Renders in groups to limit memory, and writes each image and mask.
  private func write(_ items: [Item], under folder: URL, progress: (Int) -> Void) throws -> [Double] {
    for path in Set(items.flatMap { [$0.folder + "images", $0.folder + "masks"] }).sorted() {
      try FileManager.default.createFolder(folder.appendingPathComponent(path))
      AtomicFile.removeLeftovers(in: folder.appendingPathComponent(path))
    }
    let renderer = Renderer(size: size, compresses: format == .png)
    var zooms: [Double] = []
    for start in stride(from: 0, to: items.count, by: 32) {
      let group = Array(items[start..<min(items.count, start + 32)])
      zooms += try concurrentMap(count: group.count) { index in
        let item = group[index]
        let rendering = try renderer.render(item.draw)
        let image = folder.appendingPathComponent(item.path("images", format.rawValue))
        switch format {
        case .jpg:
          let quality = min(100, max(1, item.draw.camera.compression))
          try ImageFile.writeJPEG(rendering.image, quality: quality, to: image)
        case .png: try ImageFile.writePNG(rendering.image, to: image)
        }
        let mask = folder.appendingPathComponent(item.path("masks", "png"))
        try MaskFile.writeBinary(rendering.mask, to: mask)
        return rendering.zoom
      }
      progress(start + group.count)
    }
    return zooms
  }

  private static func write(_ records: [some Encodable], to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var lines = Data()
    for record in records {
      lines += try encoder.encode(record)
      lines.append(UInt8(ascii: "\n"))
    }
    try AtomicFile.write(lines, to: url)
  }
}
