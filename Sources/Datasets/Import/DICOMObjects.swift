import Foundation
import Imaging
import Storage

/// The objects that an import of DICOM has found so far.
struct DICOMObjects {
  private let limits: ImageLimits
  private let frames = DICOMFrames(mostOpen: 1)
  private var objects: [Object] = []
  private var masks = DICOMMasks()
  private var leftOut: [ImportListing.LeftOut] = []
  /// The paths of the objects, by the hash of their UID.
  private var paths: [String: String] = [:]
  private var notes: Set<String> = []
  private var withoutPatient = 0

  /// An object with frames.
  private struct Object {
    let url: URL
    let path: String
    let stem: String
    let uid: String
    let group: String
    let frames: Int
    let size: (width: Int, height: Int)
  }

  init(limits: ImageLimits) { self.limits = limits }

  /// Looks at a file.
  mutating func add(_ url: URL, path: String) {
    guard DICOMFile.isDICOM(url) else {
      return leaveOut(path, "not a DICOM file; import images with the kind folder")
    }
    do {
      let file = try DICOMFile(url, limits: limits)
      guard !file.isVideo else {
        return leaveOut(path, "holds a video; import it with mcdrl data import video")
      }
      guard file.kind != .segmentation else { return try masks.add(file, path: path) }
      guard !file.isOverlay else {
        return leaveOut(path, "an overlay that mcdrl predict drew, with the outlines of masks in its pixels")
      }
      let hash = Self.hash(file.instanceUID.isEmpty ? path : file.instanceUID)
      if let first = paths[hash] { return leaveOut(path, "the same object as \(first)") }
      paths[hash] = path
      if let note = file.kind.note { notes.insert(note) }
      if file.patientGroup == nil { withoutPatient += 1 }
      let series = file.seriesUID.isEmpty ? hash : Self.hash(file.seriesUID)
      objects.append(
        Object(
          url: url, path: path, stem: "dicom-" + hash, uid: file.instanceUID,
          group: file.patientGroup ?? "series-" + series, frames: file.frameCount,
          size: (file.width, file.height)))
    } catch {
      leaveOut(path, ImportListing.LeftOut.reason(error, of: url))
    }
  }

  /// The images and masks so far, in the order in which they were added.
  var listing: ImportListing {
    var listing = ImportListing()
    let present = Dictionary(objects.map { ($0.uid, $0.size) }, uniquingKeysWith: { first, _ in first })
    listing.leftOut = leftOut + masks.unused(by: present)
    listing.notes = notes.sorted()
    if withoutPatient > 0 {
      listing.notes.append(
        "\(counted(withoutPatient, "object")) without a patient's identifier: grouped by series")
    }
    for object in objects {
      for frame in 0..<object.frames { listing.items.append(item(object, frame)) }
    }
    listing.keepsUnlabelled = true
    let missing = listing.items.count { if case .missing = $0.mask { true } else { false } }
    if missing > 0 {
      listing.notes.append(
        "\(counted(missing, "image")) without a mask: in the folder unlabelled of the site, for predict and for "
          + "annotation; training does not use them")
    }
    return listing
  }

  private func item(_ object: Object, _ frame: Int) -> ImportItem {
    let isSingle = object.frames == 1
    let number = String(frame + 1)
    let digits = String(repeating: "0", count: max(0, 5 - number.count)) + number
    let (frames, limits, url) = (frames, limits, object.url)
    return ImportItem(
      stem: isSingle ? object.stem : "\(object.stem)-\(digits)",
      image: .frame(of: url, name: isSingle ? nil : "frame \(number)") {
        try frames.frame(frame, of: url, limits: limits)
      },
      mask: masks.mask(of: frame, in: object.uid, size: object.size), group: object.group)
  }

  private mutating func leaveOut(_ path: String, _ reason: String) {
    leftOut.append(ImportListing.LeftOut(file: path, reason: reason))
  }

  /// Returns 16 hexadecimal digits of the SHA-256 of an identifier.
  static func hash(_ text: String) -> String {
    String(SHA256.text(Array("mcdrl object 1\n".utf8) + Array(text.utf8)).prefix(16))
  }
}
