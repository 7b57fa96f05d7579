import Foundation
import Imaging
import Storage
import Torch

extension SiteImport {
  /// An image that is written, or left out.
  typealias Outcome = Result<Written, Unused>

  /// An image that is written, with its mask or without.
  enum Written: Sendable {
    case labelled(ImportRecord.Image)
    case unlabelled(ImportRecord.Unlabelled)
    /// A file that stands there with other content; relative to the site.
    case differs(String)
  }

  /// A file that is left out, as an error.
  typealias Unused = ImportListing.LeftOut

  /// The content of an image: bytes of a file, or pixels.
  private enum Content: Sendable {
    case file(URL)
    case bytes(Data)
    case pixels(Image)
    case unreadable(String)
  }

  /// An item without the closures that only one thread may call.
  private struct Work: Sendable {
    let stem: String
    let path: String
    let content: Content
    let mask: ImportItem.Mask
    let maskFrom: [String]
    let group: String?
    let lesionClass: String?
  }

  /// A file that stands there with other content.
  private struct OtherContent: Error {
    let path: String
  }

  /// Writes images in parallel; frames of videos and DICOM files are read one after the other.
  ///
  /// - Parameters:
  ///   - items: the images.
  ///   - masks: makes the masks.
  ///   - comparesOnly: whether files that are not there are left unwritten.
  /// - Returns: what became of each image.
  /// - Throws: `FileError.cannotWrite`, `TorchError`.
  func write(_ items: [ImportItem], _ masks: ImportedMask, comparesOnly: Bool) throws -> [Outcome] {
    let work = items.map(work)
    let (source, limits) = (source, options.limits)
    let target = Target(folder: folder, comparesOnly: comparesOnly)
    let (hasLabels, keepsUnlabelled) = (!listing.labels.isEmpty, listing.keepsUnlabelled)
    return try concurrentMap(count: work.count, threads: threads) { index in
      let item = work[index]
      do {
        if keepsUnlabelled, case .missing = item.mask {
          return .success(.unlabelled(try Self.writeUnlabelled(item, to: target, limits: limits)))
        }
        return .success(
          .labelled(try Self.write(item, masks, to: target, hasLabels: hasLabels, limits: limits)))
      } catch let error as FileError {
        // A full disk ends the import; a file of the source that cannot be read is left out.
        guard case .cannotWrite = error else { return .failure(Self.unused(item, error, source)) }
        throw error
      } catch let error as OtherContent {
        return .success(.differs(error.path))
      } catch let error as TorchError {
        throw error
      } catch {
        return .failure(Self.unused(item, error, source))
      }
    }
  }

  private func work(_ item: ImportItem) -> Work {
    let content: Content
    switch item.image {
    case .file(let url): content = .file(url)
    case .content(let data, _): content = .bytes(data)
    case .frame(_, _, let read):
      do { content = .pixels(try read()) } catch { content = .unreadable("\(error)") }
    }
    let maskFrom: [URL]
    switch item.mask {
    case .files(let files, _): maskFrom = files
    case .shapes(_, let file): maskFrom = [file]
    case .empty, .missing: maskFrom = []
    }
    return Work(
      stem: item.stem, path: item.path(in: source), content: content, mask: item.mask,
      maskFrom: maskFrom.map { ImportItem.path($0, in: source) }, group: item.group,
      lesionClass: item.lesionClass)
  }

  private static func unused(_ item: Work, _ error: any Error, _ source: URL) -> Unused {
    // The record must not tell where on the machine the source was.
    let root = source.path.hasSuffix("/") ? source.path : source.path + "/"
    let beside = source.deletingLastPathComponent().path
    var reason = "\(error)".replacingOccurrences(of: root, with: "")
    if beside.count > 1 { reason = reason.replacingOccurrences(of: beside + "/", with: "") }
    return Unused(file: item.path, reason: NativePath.shown(reason))
  }

  /// Writes an image with its mask.
  private static func write(
    _ item: Work, _ masks: ImportedMask, to target: Target, hasLabels: Bool, limits: ImageLimits
  ) throws -> ImportRecord.Image {
    var repairs: [String] = []
    let (image, ending, bytes) = try picture(item, limits, &repairs)
    let mask = try masks.make(item.mask, width: image.width, height: image.height)
    let (imagePath, maskPath) = ("images/\(item.stem).\(ending)", "masks/\(item.stem).png")
    // The mask is first, so that an image is never without one.
    try store(try hasLabels ? mask.image.pngData() : mask.image.bilevelPNGData(), at: maskPath, in: target)
    try store(bytes, at: imagePath, in: target)
    return ImportRecord.Image(
      image: imagePath, mask: maskPath, from: item.path, maskFrom: item.maskFrom, group: item.group,
      lesionClass: item.lesionClass, repairs: repairs + mask.repairs)
  }

  /// Writes an image without a mask.
  private static func writeUnlabelled(
    _ item: Work, to target: Target, limits: ImageLimits
  ) throws -> ImportRecord.Unlabelled {
    var repairs: [String] = []
    let (_, ending, bytes) = try picture(item, limits, &repairs)
    let path = "\(unlabelled)/\(item.stem).\(ending)"
    try store(bytes, at: path, in: target)
    return ImportRecord.Unlabelled(image: path, from: item.path, group: item.group)
  }

  /// Decodes an image, and returns the bytes to store: those of the file, or a PNG of an upright image.
  private static func picture(
    _ item: Work, _ limits: ImageLimits, _ repairs: inout [String]
  ) throws -> (image: Image, ending: String, bytes: Data) {
    let data: Data
    switch item.content {
    case .unreadable(let reason): throw UnusableMask(reason)
    case .pixels(let image): return (image, ImageFormat.png.ending, try image.pngData())
    case .bytes(let content): data = content
    case .file(let url): data = try Data(file: url, limit: limits.maximumFileBytes)
    }
    let bytes = Array(data)
    let facts = try ImageFile.facts(of: bytes, file: item.path, limits: limits)
    // A damaged image is found here and not in training.
    let image = try ImageFile.decode(bytes, file: item.path, limits: limits)
    guard !facts.isUpright else { return (image, facts.format.ending, data) }
    repairs.append(
      "turned upright as its EXIF says, and stored as PNG; its mask is taken as drawn on that picture")
    return (image, ImageFormat.png.ending, try image.pngData())
  }

  /// The format in which an image is stored, from its header; nil if it cannot be read.
  func format(of item: ImportItem) -> ImageFormat? {
    let limits = options.limits
    let data: Data?
    switch item.image {
    case .frame: return .png
    case .content(let content, _): data = content
    case .file(let url): data = try? Data(file: url, limit: limits.maximumFileBytes)
    }
    guard let data,
      let facts = try? ImageFile.facts(of: Array(data), file: item.path(in: source), limits: limits)
    else { return nil }
    return facts.isUpright ? facts.format : .png
  }

  /// Writes a file, unless it stands there with the same content: the same bytes, or a PNG of the same
  /// pixels that another version or program compressed.
  private static func store(_ data: Data, at path: String, in target: Target) throws {
    let url = target.folder.appendingPathComponent(path)
    guard FileSystem.kind(of: url) != nil else {
      return target.comparesOnly ? () : try AtomicFile.write(data, to: url)
    }
    let stored = try Data(file: url)
    guard stored == data || samePixels(stored, data, path) else { throw OtherContent(path: path) }
  }

  /// Whether two files of the same name are PNGs of the same pixels.
  private static func samePixels(_ first: Data, _ second: Data, _ path: String) -> Bool {
    guard path.hasSuffix(".png"), let first = try? ImageFile.decode(Array(first), file: path),
      let second = try? ImageFile.decode(Array(second), file: path)
    else { return false }
    return first == second
  }

  /// Where files go.
  private struct Target: Sendable {
    let folder: URL
    /// Whether files that are not there are left unwritten.
    let comparesOnly: Bool
  }
}

extension ImportListing.LeftOut: Error {}
