// A report's page in a real browser: no error on its console, nothing wider than the screen, axe content, and the
// same words without script. Screenshots are left for people: node browser.mjs PAGE CHROMIUM DIR
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [, , file, executablePath, dir] = process.argv
const require = createRequire(`${dir}/`)
const puppeteer = require('puppeteer-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const faults = []

const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
try {
    for (const [name, width] of [['phone', 390], ['desktop', 1280]]) {
        for (const scheme of ['light', 'dark']) await look(name, width, scheme)
    }
    await withoutScript()
} finally {
    await browser.close()
}
faults.forEach(fault => console.error(fault))
process.exit(faults.length === 0 ? 0 : 1)

async function open(width, scheme) {
    const page = await browser.newPage()
    page.on('console', message => {
        if (['error', 'warn'].includes(message.type())) faults.push(`console: ${message.text()}`)
    })
    page.on('pageerror', error => faults.push(`script: ${error}`))
    page.on('request', request => {
        if (!request.url().startsWith('file:')) faults.push(`it asks for ${request.url()}`)
    })
    await page.setViewport({ width, height: 900 })
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
    return page
}

async function look(name, width, scheme) {
    const page = await open(width, scheme)
    // Only to let axe in, which is no part of the page.
    await page.setBypassCSP(true)
    await page.goto(pathToFileURL(file))
    await page.screenshot({ path: `${dir}/${name}-${scheme}.png`, fullPage: true })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    if (wide > 0) faults.push(`${name}: ${wide} px wider than the screen`)
    await page.evaluate(axe)
    const { violations } = await page.evaluate(() => window.axe.run())
    for (const { id, help, nodes } of violations) {
        faults.push(`${name}, ${scheme}: axe ${id}: ${help}: ${nodes.map(node => node.target).join(' | ')}`)
    }
    console.log(`${name}, ${scheme}: ${violations.length} violations`)
    await page.close()
}

async function withoutScript() {
    const words = async enabled => {
        const page = await open(1280, 'light')
        await page.setJavaScriptEnabled(enabled)
        await page.goto(pathToFileURL(file))
        const text = await page.evaluate(() => document.body.innerText)
        await page.close()
        return text
    }
    const [on, off] = [await words(true), await words(false)]
    if (on !== off || off.length < 200) faults.push('without script it reads otherwise')
    console.log(`without script: ${off.length} characters`)
}
