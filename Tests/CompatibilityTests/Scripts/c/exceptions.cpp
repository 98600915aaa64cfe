// C++20: exceptions across threads, standard containers, filesystem, futures, regular expressions, dynamic types, coroutines.
#include <atomic>
#include <barrier>
#include <chrono>
#include <coroutine>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <regex>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

struct Base { virtual ~Base() = default; virtual int value() const { return 1; } };
struct Derived : Base { int value() const override { return 2; } };

struct Numbers {
    struct promise_type {
        int current = 0;
        Numbers get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(int n) { current = n; return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }
    };
    std::coroutine_handle<promise_type> handle;
};

Numbers count() { for (int n = 1; n <= 3; n++) co_yield n * n; }

int deep(int n) { if (n == 0) throw std::runtime_error("from the depth"); std::string kept(100, 'x'); return deep(n - 1) + int(kept.size()); }

int main() {
    try { deep(1000); } catch (const std::exception &error) { std::cout << error.what() << '\n'; }
    auto failing = std::async(std::launch::async, [] { return deep(10); });
    try { failing.get(); } catch (const std::runtime_error &error) { std::cout << "future " << error.what() << '\n'; }
    std::atomic<int> sum = 0;
    std::barrier barrier(8);
    { std::vector<std::jthread> threads; for (int n = 0; n < 8; n++) threads.emplace_back([&, n] { barrier.arrive_and_wait(); sum += n; }); }
    std::cout << "sum " << sum << ' ' << (std::thread::hardware_concurrency() > 0) << '\n';
    std::filesystem::create_directories("a/b/c");
    std::ofstream("a/b/file") << "text";
    int entries = 0;
    for (auto &entry : std::filesystem::recursive_directory_iterator("a")) entries += entry.exists();
    std::cout << "entries " << entries << ' ' << std::filesystem::file_size("a/b/file") << ' ' << std::filesystem::current_path() << '\n';
    std::filesystem::rename("a/b/file", "a/moved"), std::filesystem::remove_all("a/b");
    std::smatch match;
    std::string text = "key = value";
    std::cout << std::regex_match(text, match, std::regex(R"((\w+)\s*=\s*(\w+))")) << ' ' << match[2] << '\n';
    std::unique_ptr<Base> object = std::make_unique<Derived>();
    std::cout << object->value() << ' ' << (dynamic_cast<Derived *>(object.get()) != nullptr) << '\n';
    try { (void)std::vector<int>(3).at(9); } catch (const std::out_of_range &) { std::cout << "out of range\n"; }
    try { std::unique_ptr<char[]> huge(new char[size_t(-1) / 4]); } catch (const std::bad_alloc &) { std::cout << "bad alloc\n"; }
    std::mt19937 random(5);
    std::cout << random() << ' ' << std::random_device().entropy() * 0 << '\n';
    for (auto numbers = count(); numbers.handle.resume(), !numbers.handle.done();) std::cout << numbers.handle.promise().current << ' ';
    std::cout << std::endl;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::cerr << "to stderr\n";
}
