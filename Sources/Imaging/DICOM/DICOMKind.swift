/// The kind of a DICOM object, by its SOP class (DICOM PS3.4, annex B.5).
package enum DICOMKind: Sendable, Equatable {
  /// VL Endoscopic Image.
  case endoscopic
  /// VL Photographic Image.
  case photographic
  /// Video Endoscopic Image, or another video of visible light.
  case video
  /// Secondary Capture, with one frame or several.
  case secondaryCapture
  /// Ultrasound, with one frame or several.
  case ultrasound
  /// A segmentation: masks, no picture.
  case segmentation
  /// A directory of a medium.
  case directory
  /// Another object, by the UID of its class; empty if it states none.
  case other(String)

  /// Finds the kind of a SOP class.
  init(sopClass uid: String) {
    let storage = "1.2.840.10008.5.1.4.1.1."
    guard uid.hasPrefix(storage) else {
      self = uid == "1.2.840.10008.1.3.10" ? .directory : .other(uid)
      return
    }
    switch uid.dropFirst(storage.count) {
    case "77.1.1": self = .endoscopic
    case "77.1.4": self = .photographic
    case "77.1.1.1", "77.1.2.1", "77.1.4.1": self = .video
    case "7", "7.1", "7.2", "7.3", "7.4": self = .secondaryCapture
    case "3", "3.1", "6", "6.1": self = .ultrasound
    case "66.4": self = .segmentation
    default: self = .other(uid)
    }
  }

  /// The name of the kind, for messages.
  package var name: String {
    switch self {
    case .endoscopic: "VL Endoscopic Image"
    case .photographic: "VL Photographic Image"
    case .video: "Video Endoscopic Image"
    case .secondaryCapture: "Secondary Capture"
    case .ultrasound: "Ultrasound Image"
    case .segmentation: "Segmentation"
    case .directory: "DICOMDIR"
    case .other(let uid):
      uid.isEmpty ? "no SOP class" : "SOP class " + uid.filter { $0.isNumber || $0 == "." }
    }
  }

  /// A note for a kind that is read but not made for it; nil for the kinds of endoscopy.
  package var note: String? {
    switch self {
    case .endoscopic, .photographic, .video, .secondaryCapture, .ultrasound: nil
    case .segmentation: "a segmentation holds masks, not pictures"
    case .directory, .other:
      "\(name) is no kind of endoscopy; its pixels are read without a window, so they may look dark or flat"
    }
  }
}
