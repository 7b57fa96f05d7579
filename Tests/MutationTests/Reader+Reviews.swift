import Foundation
import Imaging
import Reviewing
import Storage

extension Reader {
  /// A review with the decisions of two reviewers: read, compared and chosen from.
  static let review = Reader(name: "review") { folder in
    let (id, hash) = ("0123456789abcdef", String(repeating: "0", count: 64))
    let mask = #"{"layer":"lesion","size":[3,4],"counts":"02:"}"#
    func decision(_ reviewer: String, _ verdict: String, _ masks: String) -> String {
      #"{"format":1,"review":"\#(id)","item":"a","reviewer":"\#(reviewer)","time":"2026-05-04T09:31:07.250Z","#
        + #""verdict":"\#(verdict)","class":null,"comment":"","masks":\#(masks),"model_hash":"\#(hash)","#
        + #""seconds":2,"revision":1}"#
    }
    let files = [
      "review.js": #"mcdrlReview({"format":1,"id":"\#(id)","title":"t","created":"2026-05-04T09:00:00Z","#
        + #""run":null,"layers":["lesion"],"classes":["polyp"],"sites":[{"name":"c","held_out":false}],"#
        + #""thresholds":[0.5],"videos":[],"items":1,"controls":0});"# + "\n",
      "queue.js": #"mcdrlReviewQueue({"id":["a"],"file":["a.png"],"image":["images/a.png"],"thumbnail":null,"#
        + #""site":[0],"group":null,"width":[4],"height":[3],"unsure":[0.5],"movement":null,"area":[0.1],"#
        + #""presence":null,"why":[0],"video":null,"frame":null,"time":null,"class":[null]});"# + "\n",
      "items/a.js":
        #"mcdrlReviewItem({"id":"a","masks":[\#(mask)],"model_hash":"\#(hash)","probability":null,"#
        + #""confidence":null,"explanation":null});"# + "\n",
      "decisions/Ana/a.json": decision("Ana", "correct", "[\(mask)]"),
      "decisions/decisions-Ben.json": #"{"format":1,"kind":"mcdrl review decisions","review":"\#(id)","#
        + #""decisions":[\#(decision("Ben", "accept", "null"))]}"#,
    ]
    for (name, text) in files {
      let file = folder.appendingPathComponent(name)
      try FileManager.default.createFolder(file.deletingLastPathComponent())
      try Data(text.utf8).write(to: file)
    }
    return files.keys.sorted()
  } read: { folder in
    let content = try ReviewContent(of: folder)
    let found = try DecisionFiles.all(of: content).found
    _ = try ReviewAgreement(content, found)
    _ = try ReviewApplication(content, ReviewApplication.Options(site: "reviewed"))
  }

  /// The lines and a mask of `mcdrl predict`.
  static let predictions = Reader(name: "predictions") { folder in
    let image = folder.appendingPathComponent("a.bmp.png")
    try ImageFile.writePNG(
      Image(width: 4, height: 3, channels: 3, pixels: [UInt8](repeating: 90, count: 36)), to: image)
    try MaskFile.writeBinary(
      Image(width: 4, height: 3, channels: 1, pixels: [UInt8](repeating: 255, count: 12)),
      to: folder.appendingPathComponent("a.bmp-mask.png"))
    let line = #"{"image":"\#(image.path)","name":"a.bmp","width":4,"height":3,"files":["a.bmp-mask.png"]}"#
    try Data((line + "\n").utf8).write(to: folder.appendingPathComponent("predictions.jsonl"))
    return ["predictions.jsonl", "a.bmp-mask.png"]
  } read: { folder in
    let found = try PredictionFolder(folder, limits: .default)
    for index in found.inputs.indices { _ = try found.look(index) }
  }
}
