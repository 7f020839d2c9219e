import CInterface

// The functions of vmunet.h. Errors of callers and files become messages; nothing traps.

/// Reads weights. `vmunet.h` says more.
@_cdecl("vmunet_open")
public func open(
    weights: UnsafePointer<CChar>?, imageSize: Int64, threshold: Double, threads: Int64, message: UnsafeMutablePointer<CChar>?,
    capacity: Int64
) -> OpaquePointer? {
    let model = reporting(to: message, capacity) {
        try Model(weights: weights.map { String(cString: $0) }, imageSize: imageSize, threshold: threshold, threads: threads)
    }
    return model.map { OpaquePointer(Unmanaged.passRetained($0).toOpaque()) }
}

/// Frees a segmenter. `vmunet.h` says more.
@_cdecl("vmunet_close")
public func close(segmenter: OpaquePointer?) {
    guard let segmenter else { return }
    Unmanaged<Model>.fromOpaque(UnsafeRawPointer(segmenter)).release()
}

/// Describes the weights as JSON. `vmunet.h` says more.
@_cdecl("vmunet_describe")
public func describe(segmenter: OpaquePointer?, text: UnsafeMutablePointer<CChar>?, capacity: Int64) -> Int64 {
    guard let model = Model.at(segmenter) else { return 0 }
    write(model.description, to: text, capacity)
    return Int64(model.description.utf8.count + 1)
}

/// Segments a picture. `vmunet.h` says more.
@_cdecl("vmunet_segment_picture")
public func segmentPicture(
    segmenter: OpaquePointer?, pixels: UnsafePointer<UInt8>?, height: Int64, width: Int64, channels: Int64,
    labels: UnsafeMutablePointer<UInt8>?, probability: UnsafeMutablePointer<UInt8>?, message: UnsafeMutablePointer<CChar>?, capacity: Int64
) -> Int32 {
    let done: Void? = reporting(to: message, capacity) {
        guard let model = Model.at(segmenter), let pixels, let labels else { throw CallError("a pointer is null") }
        try model.segment(pixels, height: height, width: width, channels: channels, labels: labels, probability: probability)
    }
    return done == nil ? 1 : 0
}

/// Segments a volume. `vmunet.h` says more.
@_cdecl("vmunet_segment_volume")
public func segmentVolume(
    segmenter: OpaquePointer?, intensities: UnsafePointer<Float>?, channels: Int64, slices: Int64, rows: Int64, columns: Int64,
    affine: UnsafePointer<Double>?, labels: UnsafeMutablePointer<UInt8>?, message: UnsafeMutablePointer<CChar>?, capacity: Int64
) -> Int32 {
    let done: Void? = reporting(to: message, capacity) {
        guard let model = Model.at(segmenter), let intensities, let labels else { throw CallError("a pointer is null") }
        try model.segment(
            intensities, channels: channels, shape: (slices, rows, columns), affine: affine, labels: labels)
    }
    return done == nil ? 1 : 0
}

/// Returns the body's value, or nil after writing its error as one line.
private func reporting<Value>(to message: UnsafeMutablePointer<CChar>?, _ capacity: Int64, _ body: () throws -> Value) -> Value? {
    do { return try body() } catch {
        write(line(of: error), to: message, capacity)
        return nil
    }
}

/// Copies as many whole characters of a text as fit, with a final zero.
private func write(_ text: String, to place: UnsafeMutablePointer<CChar>?, _ capacity: Int64) {
    guard let place, capacity > 0 else { return }
    var count = 0
    for character in text.unicodeScalars {
        let bytes = UTF8.encode(character)!
        guard count + bytes.count < capacity else { break }
        for byte in bytes {
            place[count] = CChar(bitPattern: byte)
            count += 1
        }
    }
    place[count] = 0
}
