import Imaging
import Storage

/// The description of a review: `review.js`.
package struct ReviewDocument: Codable, Equatable, Sendable {
  /// The run whose predictions are reviewed.
  package struct Origin: Codable, Equatable, Sendable {
    /// Its name.
    package var name: String
    /// Its method.
    package var method: String
    /// The sites that it was trained on.
    package var trainedOn: [String]
    /// The sites that it withheld.
    package var heldOut: [String]
    /// Whether the images were compared with those that the run withheld.
    package var heldOutChecked: Bool
    /// Further facts, each a name and a text.
    package var facts: [[String]]

    /// Makes a value from its parts.
    package init(
      name: String, method: String, trainedOn: [String], heldOut: [String], heldOutChecked: Bool,
      facts: [[String]]
    ) {
      (self.name, self.method, self.trainedOn, self.heldOut) = (name, method, trainedOn, heldOut)
      (self.heldOutChecked, self.facts) = (heldOutChecked, facts)
    }

    enum CodingKeys: String, CodingKey {
      case name, method, facts
      case trainedOn = "trained_on"
      case heldOut = "held_out"
      case heldOutChecked = "held_out_checked"
    }
  }

  /// A site of the images.
  package struct Site: Codable, Equatable, Sendable {
    /// Its name.
    package var name: String
    /// Whether the run withheld its images.
    package var heldOut: Bool

    enum CodingKeys: String, CodingKey {
      case name
      case heldOut = "held_out"
    }
  }

  /// A video.
  package struct Video: Codable, Equatable, Sendable {
    package var id: String
    /// The name that the page shows.
    package var file: String
    /// A place in `sites`.
    @Nullable package var site: Int?
    package var width: Int
    package var height: Int
    /// The number of frames.
    package var frames: Int
    /// The length in seconds.
    package var duration: Double
  }

  /// The version of the format.
  static let currentFormat = 1

  package var format = ReviewDocument.currentFormat
  /// Hexadecimal digits by chance, under which decisions are kept.
  package var id: String
  package var title: String
  /// The time in UTC.
  package var created: String
  /// The run; nil for a folder of predictions.
  @Nullable package var run: Origin?
  /// The masks that can be drawn.
  package var layers: [String]
  /// The lesion classes to choose from.
  package var classes: [String]
  package var sites: [Site]
  /// For each layer the probability from which a pixel is lesion; nil where it is not one number.
  package var thresholds: [Double?]
  package var videos: [Video]
  /// The number of items.
  package var items: Int
  /// The number of confident items among them.
  package var controls: Int
}

/// The items of a review by column: `queue.js`.
package struct ReviewQueue: Codable, Equatable, Sendable {
  package var id: [String] = []
  package var file: [String] = []
  package var image: [String] = []
  package var thumbnail: [String?] = []
  package var site: [Int?] = []
  package var group: [String?] = []
  package var width: [Int] = []
  package var height: [Int] = []
  package var unsure: [Double?] = []
  package var movement: [Double?] = []
  package var area: [Double] = []
  package var presence: [Double?] = []
  /// 0 for an item of the queue, 1 for a confident control.
  package var why: [Int] = []
  package var video: [Int?] = []
  package var frame: [Int?] = []
  package var time: [Double?] = []
  package var lesionClass: [String?] = []

  enum CodingKeys: String, CodingKey {
    case id, file, image, thumbnail, site, group, width, height, unsure, movement, area, presence, why, video
    case frame, time
    case lesionClass = "class"
  }

  /// Makes an empty queue.
  package init() {}

  /// One item.
  package struct Row: Equatable, Sendable {
    package var id: String
    package var file: String
    package var image: String
    package var thumbnail: String?
    package var site: Int?
    package var group: String?
    package var width: Int
    package var height: Int
    package var unsure: Double?
    package var movement: Double?
    package var area: Double
    package var presence: Double?
    package var isControl = false
    package var video: Int?
    package var frame: Int?
    package var time: Double?
    package var lesionClass: String?
  }

  /// Makes the columns of rows.
  package init(_ rows: [Row]) {
    id = rows.map(\.id)
    file = rows.map(\.file)
    image = rows.map(\.image)
    thumbnail = rows.map(\.thumbnail)
    site = rows.map(\.site)
    group = rows.map(\.group)
    width = rows.map(\.width)
    height = rows.map(\.height)
    unsure = rows.map(\.unsure)
    movement = rows.map(\.movement)
    area = rows.map(\.area)
    presence = rows.map(\.presence)
    why = rows.map { $0.isControl ? 1 : 0 }
    video = rows.map(\.video)
    frame = rows.map(\.frame)
    time = rows.map(\.time)
    lesionClass = rows.map(\.lesionClass)
  }

  /// The largest picture; a call may allow larger ones than the default.
  private static let limits = ImageLimits(maximumPixels: 1 << 30)

  /// The rows; nil if the columns differ in length, or an ID or a path is not allowed.
  package var rows: [Row]? {
    let count = id.count
    let texts: [Int] = [file.count, image.count, thumbnail.count, group.count, lesionClass.count]
    let numbers: [Int] = [width.count, height.count, area.count, why.count, frame.count, video.count]
    let others: [Int] = [site.count, unsure.count, movement.count, presence.count, time.count]
    let lengths = [texts, numbers, others].flatMap { $0 }
    guard lengths.allSatisfy({ $0 == count }), id.allSatisfy({ ReviewID.isValid($0) }),
      Set(id).count == count,
      zip(id, image).allSatisfy({ id, image in image == "images/\(id).png" || image == "images/\(id).jpg" }),
      zip(width, height).allSatisfy({ width, height in
        width > 0 && height > 0 && !Self.limits.refuse(width: width, height: height)
      })
    else { return nil }
    return (0..<count).map { place in
      Row(
        id: id[place], file: file[place], image: image[place], thumbnail: thumbnail[place],
        site: site[place], group: group[place], width: width[place], height: height[place],
        unsure: unsure[place], movement: movement[place], area: area[place], presence: presence[place],
        isControl: why[place] == 1, video: video[place], frame: frame[place], time: time[place],
        lesionClass: lesionClass[place])
    }
  }

  /// Reads the columns; null in place of a list is a column of nulls.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let id = try values.decode([String].self, forKey: .id)
    func column<Value: Decodable>(_ key: CodingKeys) throws -> [Value] {
      try values.decode([Value].self, forKey: key)
    }
    func optional<Value: Decodable>(_ key: CodingKeys) throws -> [Value?] {
      try values.decodeIfPresent([Value?].self, forKey: key) ?? [Value?](repeating: nil, count: id.count)
    }
    self.id = id
    (file, image, thumbnail) = (try column(.file), try column(.image), try optional(.thumbnail))
    (site, group, width, height) = (
      try optional(.site), try optional(.group), try column(.width), try column(.height)
    )
    (unsure, movement, area) = (try optional(.unsure), try optional(.movement), try column(.area))
    (presence, why, video) = (try optional(.presence), try column(.why), try optional(.video))
    (frame, time, lesionClass) = (try optional(.frame), try optional(.time), try optional(.lesionClass))
  }
}
