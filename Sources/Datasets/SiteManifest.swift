import Foundation
import Torch

/// The content of a `sites.json5`.
struct SiteManifest: Decodable {
  /// One site; only the name must stand there.
  struct Entry: Decodable {
    var name: String
    /// Folders, relative to the manifest; `NAME/images` and `NAME/masks` when absent.
    var images: String?
    var masks: String?
    /// The lesion class of all images.
    var `class`: String?
    /// The lesion class by image; null for an image without a lesion.
    var classes: [String: String?]?
    /// A regular expression on the image's stem; its first group, or the whole match, is the patient or sequence.
    var groupPattern: String?
    /// The patient or sequence by image.
    var groups: [String: String]?
    /// Names of label-map values, and which of them are lesions.
    var labels: [String: Int]?
    var lesions: [String]?
    /// Other images to score the site on when it is held out.
    var test: Test?

    init(name: String) { self.name = name }
  }

  /// Images that stand in for a site's own when it is held out.
  struct Test: Decodable {
    /// Folders, relative to the manifest; `NAME/test/images` and `NAME/test/masks` when absent.
    var images: String?
    var masks: String?
    /// The lesion class by image; null for an image without a lesion.
    var classes: [String: String?]?
  }

  var sites: [Entry]
  /// Whether the names of patients and sequences mean something within their site only.
  var groupsAreLocal: Bool?

  init(contentsOf url: URL) throws {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    let data = try Data(file: url)
    do {
      self = try decoder.decode(SiteManifest.self, from: data)
    } catch {
      throw DatasetError.badCatalog(
        url, reason: "it must hold sites: [{ name: …, images: …, masks: … }, …]; \(explanation(of: error))")
    }
    let names = sites.map(\.name)
    if let name = names.first(where: { ["", ".", ".."].contains($0) || $0.contains("/") }) {
      throw DatasetError.badCatalog(
        url,
        reason: "site \"\(name)\": folders are named after it, so it must not be empty, . or .. or hold a /")
    }
    if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
      throw DatasetError.badCatalog(url, reason: "site \"\(twice)\" stands twice; names must differ")
    }
  }

  private enum CodingKeys: String, CodingKey { case sites, groupsAreLocal }

  func sites(
    in manifest: URL, defaultClass: String?, onMissingMasks report: (DatasetError) throws -> Void
  ) throws -> [Site] {
    let folder = manifest.deletingLastPathComponent()
    let isLocal = groupsAreLocal ?? false
    return try sites.map { entry in
      try entry.site(
        relativeTo: folder, defaultClass, statedIn: manifest, groupsAreLocal: isLocal, onMissingMasks: report)
    }.sorted { $0.name < $1.name }
  }
}

extension SiteManifest.Entry {
  /// Finds the site's files; errors in what the entry states name the manifest, images without masks are reported.
  func site(
    relativeTo folder: URL, _ defaultClass: String?, statedIn manifest: URL, groupsAreLocal: Bool = false,
    onMissingMasks report: (DatasetError) throws -> Void
  ) throws -> Site {
    let lesionLabels = try lesionValues(manifest)
    let pattern = try expression(manifest)
    /// Pairs the images of one folder with the masks of another.
    func samples(_ images: String, _ masks: String, _ classes: [String: String?]?) throws -> [Sample] {
      let files = try files(
        images: folder.appendingPathComponent(images), masks: folder.appendingPathComponent(masks), report)
      return files.map { stem, image, mask in
        let stated = groups?[stem] ?? match(pattern, stem)
        return Sample(
          site: name, id: stem, image: image, mask: mask,
          lesionClass: classes?[stem] ?? self.class ?? defaultClass, group: "\(name)/\(stated ?? stem)",
          statedGroup: groupsAreLocal ? nil : stated, lesionLabels: lesionLabels)
      }
    }
    let own = try samples(images ?? "\(name)/images", masks ?? "\(name)/masks", classes)
    guard let test else { return Site(name: name, samples: own) }
    let tests = try samples(
      test.images ?? "\(name)/test/images", test.masks ?? "\(name)/test/masks", test.classes)
    return Site(name: name, samples: own, testSamples: tests)
  }

  /// The images of one folder, by stem, with the masks of another.
  private func files(
    images imageFolder: URL, masks maskFolder: URL, _ report: (DatasetError) throws -> Void
  ) throws -> [(stem: String, image: URL, mask: URL?)] {
    for folder in [imageFolder, maskFolder] where !SiteCatalog.isFolder(folder) {
      throw DatasetError.missingFolder(site: name, folder: folder)
    }
    let images = try SiteCatalog.images(in: imageFolder)
    guard !images.isEmpty else { throw DatasetError.emptySite(name, folder: imageFolder) }
    let masks = try SiteCatalog.images(in: maskFolder)
    let orphans = images.keys.filter { masks[$0] == nil }.sorted()
    if !orphans.isEmpty {
      try report(DatasetError.missingMasks(site: name, stems: orphans, folder: maskFolder))
    }
    return images.sorted { $0.key < $1.key }.map { ($0.key, $0.value, masks[$0.key]) }
  }

  private func lesionValues(_ manifest: URL) throws -> [Int]? {
    guard let labels else { return nil }
    return try (lesions ?? labels.keys.sorted()).map { lesion in
      guard let value = labels[lesion] else {
        throw DatasetError.badCatalog(
          manifest, reason: "site \(name): the lesion \"\(lesion)\" is not among its labels")
      }
      return value
    }.filter { $0 != 0 }
  }

  private func expression(_ manifest: URL) throws -> NSRegularExpression? {
    guard let groupPattern else { return nil }
    do {
      return try NSRegularExpression(pattern: groupPattern)
    } catch {
      throw DatasetError.badCatalog(
        manifest, reason: "site \(name): groupPattern \"\(groupPattern)\" is not a regular expression")
    }
  }

  private func match(_ pattern: NSRegularExpression?, _ stem: String) -> String? {
    let whole = NSRange(stem.startIndex..., in: stem)
    guard let found = pattern?.firstMatch(in: stem, range: whole) else { return nil }
    let range = found.numberOfRanges > 1 ? found.range(at: 1) : found.range
    return Range(range, in: stem).map { String(stem[$0]) }
  }
}
