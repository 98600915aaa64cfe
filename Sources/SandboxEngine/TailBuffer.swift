import NIOCore

/// The last bytes of a stream, and no more memory than there are such bytes.
struct TailBuffer {
    let capacity: Int
    private(set) var count = 0
    /// A ring once it is full.
    private var storage: [UInt8] = []
    /// Where the oldest byte is.
    private var start = 0

    init(capacity: Int) { self.capacity = capacity }

    var allocatedBytes: Int { storage.capacity }

    /// Takes the last of these bytes; the oldest ones here make room. Not after the first `removeFirst`.
    mutating func append(_ new: UnsafeRawBufferPointer) {
        let kept = UnsafeRawBufferPointer(rebasing: new.suffix(capacity))
        let room = min(kept.count, capacity - storage.count)
        if room > 0 {
            grow(to: storage.count + room)
            storage.append(contentsOf: UnsafeRawBufferPointer(rebasing: kept.prefix(room)))
            count = storage.count
        }
        overwrite(with: UnsafeRawBufferPointer(rebasing: kept.dropFirst(room)))
    }

    /// An array that grows by itself may take twice what it needs.
    private mutating func grow(to count: Int) {
        guard count > storage.capacity else { return }
        storage.reserveCapacity(min(capacity, max(count, storage.capacity * 2)))
    }

    private mutating func overwrite(with new: UnsafeRawBufferPointer) {
        guard !new.isEmpty else { return }
        let first = min(new.count, capacity - start)
        storage.withUnsafeMutableBytes { own in
            UnsafeMutableRawBufferPointer(rebasing: own[start...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: new.prefix(first)))
            own.copyMemory(from: UnsafeRawBufferPointer(rebasing: new.dropFirst(first)))
        }
        start = (start + new.count) % capacity
    }

    /// Hands over at most so many of the oldest bytes, with `outputHeadroom` in front of them. The memory goes with the
    /// last one.
    mutating func removeFirst(_ most: Int) -> ByteBuffer {
        let taken = min(most, count, storage.count - start)
        var buffer = ByteBufferAllocator().buffer(capacity: outputHeadroom + taken)
        buffer.moveWriterIndex(to: outputHeadroom)
        buffer.moveReaderIndex(to: outputHeadroom)
        buffer.writeBytes(storage[start..<start + taken])
        count -= taken
        start = count == 0 ? 0 : (start + taken) % storage.count
        if count == 0 { storage = [] }
        return buffer
    }

    mutating func clear() {
        storage = []
        start = 0
        count = 0
    }
}
